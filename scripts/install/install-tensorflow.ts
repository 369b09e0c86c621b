import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { createReadStream, existsSync } from 'node:fs'
import { mkdir, readdir, rename, rm, stat, writeFile } from 'node:fs/promises'
import { dirname, join, relative } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { fileURLToPath } from 'node:url'
import {
  findDamage,
  type NativeInstall,
  readNativeInstall,
  recordFile,
  tensorflowFolder,
} from '../../stages/training/backend/native-install.ts'
import { installNpmRelease, release } from './npm-release.ts'
import { downloadOfficial } from './official-download.ts'

interface Source {
  readonly name: string
  /** Puts the native files in place; says where they are from, and what was compared before they were unpacked. */
  readonly install: (packageFolder: string) => Promise<{ source: string; verified: string | null }>
}

const sources: readonly Source[] = [
  {
    name: 'The official download',
    install: async (folder) => ({ source: await downloadOfficial(folder), verified: null }),
  },
  {
    name: `The npm package ${release.name}`,
    install: async (folder) => {
      await installNpmRelease(folder)
      return { source: `the npm package ${release.name}`, verified: release.integrity }
    },
  },
]

/** Set by those who do not want the native library: containers that have no room for it, for instance. */
const skipVariable = 'GRADUS_SKIP_TENSORFLOW'

/**
 * Sees to it that the native TensorFlow library is there, from the first source that works, and records the outcome.
 * Returns at once where an earlier install is whole.
 */
export async function installTensorflow(
  nodeModules: string,
  log: (sentence: string) => void,
): Promise<NativeInstall> {
  const earlier = await readNativeInstall(nodeModules)
  if (earlier?.source && (await findDamage(earlier, nodeModules)) === undefined) return earlier
  await rm(recordFile(nodeModules), { force: true })
  const install = await place(tensorflowFolder(nodeModules), log)
  await writeRecord(recordFile(nodeModules), install)
  return install
}

async function place(folder: string, log: (sentence: string) => void): Promise<NativeInstall> {
  const problems: string[] = []
  const missing = () => ({ source: null, verified: null, files: [], problems })
  if (process.env[skipVariable]) {
    problems.push(`It was left out, because ${skipVariable} is set.`)
    return missing()
  }
  if (!existsSync(folder)) {
    problems.push('The package @tensorflow/tfjs-node-gpu is not installed.')
    return missing()
  }
  if (existsSync(join(folder, 'lib')) && selfTest() === undefined) {
    return {
      source: 'its own install script, or put there by hand',
      verified: null,
      files: await describeFiles(folder),
      problems,
    }
  }
  for (const { name, install } of sources) {
    log(`Native TensorFlow: trying ${name[0].toLowerCase()}${name.slice(1)}.`)
    try {
      const outcome = await install(folder)
      const problem = selfTest()
      if (problem !== undefined) throw new Error(`it does not run here (${problem})`)
      return { ...outcome, files: await describeFiles(folder), problems }
    } catch (error) {
      problems.push(`${name} failed: ${(error as Error).message.replace(/\.$/, '')}.`)
    }
  }
  for (const name of ['deps', 'lib']) await rm(join(folder, name), { recursive: true, force: true })
  return missing()
}

/** What keeps the native back end from working; undefined when it works. */
function selfTest(): string | undefined {
  const { status, signal, stderr } = spawnSync(process.execPath, [
    fileURLToPath(new URL('./self-test.js', import.meta.url)),
  ])
  if (status === 0) return undefined
  return (
    stderr
      .toString()
      .match(/^Error: (.*)$/m)?.[1]
      .replace(/\.$/, '') ?? `it ended with ${signal ?? `code ${status}`}`
  )
}

/** Every regular file that is loaded: the libraries under `deps/lib` and the binding under `lib`. */
async function describeFiles(folder: string): Promise<NativeInstall['files']> {
  const entries = await Promise.all(
    [join('deps', 'lib'), 'lib'].map((part) =>
      readdir(join(folder, part), { recursive: true, withFileTypes: true }),
    ),
  )
  const files = entries.flat().filter((entry) => entry.isFile())
  return Promise.all(
    files.map(async (entry) => {
      const file = join(entry.parentPath, entry.name)
      const path = relative(folder, file).replaceAll('\\', '/')
      return { path, bytes: (await stat(file)).size, sha256: await sha256(file) }
    }),
  )
}

async function sha256(file: string): Promise<string> {
  const hash = createHash('sha256')
  await pipeline(createReadStream(file), hash)
  return hash.digest('hex')
}

/** By way of another name, so that a record is either whole or not there. */
async function writeRecord(file: string, install: NativeInstall): Promise<void> {
  await mkdir(dirname(file), { recursive: true })
  await writeFile(`${file}.new`, `${JSON.stringify(install, null, 2)}\n`)
  await rename(`${file}.new`, file)
}
