import { spawn } from 'node:child_process'

/**
 * Runs npm's own client, the one that runs us where there is one, and returns what it wrote to standard output.
 * Registry, proxy, cache and credentials are thus whatever the user has told npm.
 *
 * @throws with npm's own words.
 */
export function npm(
  args: readonly string[],
  options: { cwd: string; env?: NodeJS.ProcessEnv },
): Promise<string> {
  // Other package managers set npm_execpath to themselves.
  const client = /npm-cli\.[cm]?js$/.test(process.env.npm_execpath ?? '')
    ? process.env.npm_execpath
    : undefined
  const [command, prefix] = client === undefined ? ['npm', []] : [process.execPath, [client]]
  return new Promise((resolve, reject) => {
    const child = spawn(command, [...prefix, ...args, '--no-audit', '--no-fund'], {
      cwd: options.cwd,
      env: { ...process.env, ...options.env, npm_config_loglevel: 'error' },
      stdio: ['ignore', 'pipe', 'pipe'],
      shell: client === undefined && process.platform === 'win32',
    })
    let output = ''
    let complaint = ''
    child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()))
    child.stderr.on('data', (chunk: Buffer) => (complaint += chunk.toString()))
    child.on('error', reject)
    child.on('close', (code) => {
      if (code === 0) resolve(output.trim())
      else reject(new Error(summarize(complaint) ?? `npm ${args[0]} ended with code ${code}`))
    })
  })
}

/** The first line that npm marks as an error and that is a sentence, not a field such as `code` or `syscall`. */
function summarize(complaint: string): string | undefined {
  return complaint
    .split('\n')
    .map((line) => /^npm (?:error|ERR!) (?!code|errno|syscall|path)(\S.*)/.exec(line)?.[1])
    .find((sentence) => sentence !== undefined)
}
