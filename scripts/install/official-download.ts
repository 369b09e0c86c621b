import { spawn } from 'node:child_process'
import { readdir, stat } from 'node:fs/promises'
import { connect } from 'node:net'
import { delimiter, join } from 'node:path'

const connectionLimitMs = 5_000
const stallLimitMs = 120_000

/**
 * Has @tensorflow/tfjs-node-gpu install itself: its script downloads libtensorflow and the binding from its publisher
 * (or the mirror that TFJS_NODE_CDN_STORAGE names), for every platform that it knows. The script has no time limits
 * of its own, hence the ones here: for the first connection, and for a download that has come to a halt.
 *
 * @returns where the files are from.
 * @throws where the host cannot be reached, or the script fails or halts.
 */
export async function downloadOfficial(packageFolder: string): Promise<string> {
  const host = new URL(mirror() ?? 'https://storage.googleapis.com/')
  await reach(proxyFor(host) ?? host)
  await runInstallScript(packageFolder)
  return `the official download from ${host.host}`
}

function mirror(): string | undefined {
  const { env } = process
  return env.TFJS_NODE_CDN_STORAGE || env.npm_config_TFJS_NODE_CDN_STORAGE || env.CDN_STORAGE
}

/** The script goes through any proxy of the environment, so that is what has to be reachable. */
function proxyFor(host: URL): URL | undefined {
  const { env } = process
  const proxy = env.HTTPS_PROXY || env.https_proxy || env.HTTP_PROXY || env.http_proxy
  return proxy ? new URL(proxy, host) : undefined
}

/** @throws where no connection comes about in time, name look-up included. */
export function reach(host: URL, limitMs = connectionLimitMs): Promise<void> {
  const port = Number(host.port) || (host.protocol === 'https:' ? 443 : 80)
  return new Promise((resolve, reject) => {
    const socket = connect({ host: host.hostname, port })
    const fail = (why: string) => reject(new Error(`${host.host} cannot be reached (${why})`))
    const timer = setTimeout(() => {
      socket.destroy()
      fail(`no answer in ${limitMs / 1000} s`)
    }, limitMs)
    socket.on('error', (error: NodeJS.ErrnoException) => {
      clearTimeout(timer)
      fail(error.code ?? error.message)
    })
    socket.on('connect', () => {
      clearTimeout(timer)
      socket.destroy()
      resolve()
    })
  })
}

async function runInstallScript(packageFolder: string): Promise<void> {
  const tools = join(packageFolder, '..', '..', '.bin')
  const child = spawn(process.execPath, [join('scripts', 'install.js'), 'gpu', 'download'], {
    cwd: packageFolder,
    env: { ...process.env, PATH: `${tools}${delimiter}${process.env.PATH}` },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => (output = (output + chunk.toString()).slice(-10_000)))
  }
  const watch = watchGrowth(packageFolder, () => child.kill('SIGKILL'))
  try {
    const code = await new Promise<number | null>((resolve, reject) => {
      child.on('error', reject)
      child.on('close', resolve)
    })
    if (code !== 0) {
      const error = watch.stalled ? 'it came to a halt' : output.match(/\w*Error: .*/)?.[0]
      throw new Error(`its install script failed (${error ?? `code ${code}`})`)
    }
  } finally {
    watch.stop()
  }
}

/** Calls `halt` once the folder has not grown for as long as `stallLimitMs`. */
function watchGrowth(folder: string, halt: () => void) {
  let size = 0
  let grownAt = Date.now()
  const watch = { stalled: false, stop: () => clearInterval(timer) }
  const timer = setInterval(() => {
    void folderBytes(folder).then((bytes) => {
      if (bytes !== size) {
        size = bytes
        grownAt = Date.now()
      } else if (Date.now() - grownAt > stallLimitMs) {
        watch.stalled = true
        halt()
      }
    })
  }, 5_000)
  return watch
}

async function folderBytes(folder: string): Promise<number> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => [])
  const sizes = entries
    .filter((entry) => entry.isFile())
    .map((entry) =>
      stat(join(entry.parentPath, entry.name)).then(
        ({ size }) => size,
        () => 0,
      ),
    )
  return (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0)
}
