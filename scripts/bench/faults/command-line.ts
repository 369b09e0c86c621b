import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'

/** The compiled command line; the sources of tests are not compiled, and this file may be either. */
const cli = fileURLToPath(
  new URL(
    import.meta.url.endsWith('.ts') ? '../../../dist/pipeline/cli.js' : '../../../pipeline/cli.js',
    import.meta.url,
  ),
)

export interface Outcome {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: string
  readonly stderr: string
  readonly milliseconds: number
}

export interface Circumstances {
  /** Milliseconds until the process is killed. */
  readonly killAfter?: number
  /** Most files that it may have open. */
  readonly openFiles?: number
  /** Most address space that it may have, in KiB. */
  readonly memory?: number
  /** Most memory of a thread for objects, in MiB. */
  readonly heap?: number
  readonly environment?: Readonly<Record<string, string>>
  /** Module that it loads first. */
  readonly preload?: string
}

/** Runs the real command line in a child process. */
export function gradus(
  folder: string,
  parameters: readonly string[],
  { killAfter, openFiles, memory, heap, preload, environment }: Circumstances = {},
): Promise<Outcome> {
  const started = performance.now()
  return new Promise((resolve, reject) => {
    const options = [
      ...(heap === undefined ? [] : [`--max-old-space-size=${heap}`]),
      ...(preload === undefined ? [] : ['--import', preload]),
    ]
    const limits = Object.entries({ n: openFiles, v: memory })
      .filter(([, limit]) => limit !== undefined)
      .map(([letter, limit]) => `ulimit -${letter} ${limit} && `)
    const node = [process.execPath, ...options, cli, ...parameters]
    const limited = ['sh', '-c', `${limits.join('')}exec "$@"`, 'sh', ...node]
    const [command, ...words] = limits.length === 0 ? node : limited
    const child = spawn(command, words, {
      cwd: folder,
      env: {
        ...process.env,
        NO_COLOR: '1',
        FORCE_COLOR: undefined,
        NODE_OPTIONS: '',
        TF_CPP_MIN_LOG_LEVEL: '2',
        ...environment,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    let stdout = ''
    let stderr = ''
    child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text))
    child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text))
    const timer =
      killAfter === undefined ? undefined : setTimeout(() => void child.kill('SIGKILL'), killAfter)
    child.on('error', reject).on('close', (code, signal) => {
      clearTimeout(timer)
      resolve({ code, signal, stdout, stderr, milliseconds: performance.now() - started })
    })
  })
}

/** Whether a command failed in a way that no user should see: with a stack trace, or by a signal that nobody sent. */
export function isCrash({ code, stderr }: Outcome): boolean {
  return code === null || /fault of gradus|^\s+at .*:\d+:\d+\)?$/m.test(stderr)
}
