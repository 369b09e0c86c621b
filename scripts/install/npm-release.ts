import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { createReadStream, createWriteStream } from 'node:fs'
import { mkdtemp, readdir, readFile, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { promisify } from 'node:util'
import { createBrotliDecompress } from 'node:zlib'
import { npm } from './npm.ts'

/** An npm package with libtensorflow and its binding in it, for machines that reach nothing but their npm registry. */
export const release = {
  name: 'tfjs-node-lambda-releases@1.6.1',
  integrity:
    'sha512-D275PZpxsKenTuiPnvIE5T+D5JrT4aU9M3EDCedBQKlP0hUB7011Yzg8CAJ6MBIog9Lq90aaEair4yrBBlk61w==',
  /** A brotli-compressed tar; the binding in it speaks Node-API, which every later Node understands. */
  archive: 'package/nodejs12.x-tf2.7.0.br',
  /** Folder in that tar which holds `deps/` and `lib/`. */
  folder: 'node_modules/@tensorflow/tfjs-node',
} as const

const stagingPrefix = '.staging-'

/**
 * Installs the npm release into the folder of @tensorflow/tfjs-node-gpu.
 *
 * @throws where the platform is another one, npm cannot get the package, or its checksum is not the known one.
 */
export async function installNpmRelease(packageFolder: string): Promise<void> {
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    throw new Error(
      `${release.name} is for Linux on x64 only, and this is ${process.platform} on ${process.arch}`,
    )
  }
  await staged(packageFolder, async (staging) => {
    const file = await npm(
      ['pack', release.name, '--pack-destination', staging, '--prefer-offline', '--json=false'],
      {
        cwd: packageFolder,
      },
    )
    await unpackRelease(join(staging, file.split('\n').at(-1) ?? ''), staging, packageFolder)
  })
}

/** Gives `work` a new folder on the package's own disk, and removes it, with any that a killed install left. */
export async function staged(packageFolder: string, work: (staging: string) => Promise<void>): Promise<void> {
  const clear = async () => {
    const left = (await readdir(packageFolder)).filter((name) => name.startsWith(stagingPrefix))
    await Promise.all(left.map((name) => rm(join(packageFolder, name), { recursive: true, force: true })))
  }
  await clear()
  try {
    await work(await mkdtemp(join(packageFolder, stagingPrefix)))
  } finally {
    await clear()
  }
}

/**
 * Checks the tarball, unpacks it in `staging`, and renames the native files into place: library first, binding last,
 * so that what can be loaded is whole.
 *
 * @throws where the checksum differs; nothing is unpacked then.
 */
export async function unpackRelease(
  tarball: string,
  staging: string,
  packageFolder: string,
  integrity: string = release.integrity,
): Promise<void> {
  const found = await subresourceIntegrity(tarball)
  if (found !== integrity) throw new Error(`the checksum is ${found}, not ${integrity}`)
  await tar(['-xzf', tarball, '-C', staging, release.archive])
  const archive = join(staging, 'release.tar')
  await pipeline(
    createReadStream(join(staging, release.archive)),
    createBrotliDecompress(),
    createWriteStream(archive),
  )
  await tar([
    '-xf',
    archive,
    '-C',
    staging,
    '--strip-components=3',
    `${release.folder}/deps`,
    `${release.folder}/lib`,
  ])
  const binding = join('lib', `napi-v${await napiVersion(packageFolder)}`)
  for (const folder of ['deps', 'lib'])
    await rm(join(packageFolder, folder), { recursive: true, force: true })
  const [built] = await readdir(join(staging, 'lib'))
  if (join('lib', built) !== binding) await rename(join(staging, 'lib', built), join(staging, binding))
  for (const folder of ['deps', 'lib']) await rename(join(staging, folder), join(packageFolder, folder))
}

/** `sha512-` and the hash in base64, as in package-lock.json. */
export async function subresourceIntegrity(file: string): Promise<string> {
  const hash = createHash('sha512')
  await pipeline(createReadStream(file), hash)
  return `sha512-${hash.digest('base64')}`
}

/** The newest Node-API version that both the package and this Node know: the package looks for its binding there. */
async function napiVersion(packageFolder: string): Promise<number> {
  const { binary } = JSON.parse(await readFile(join(packageFolder, 'package.json'), 'utf8')) as {
    binary: { napi_versions: number[] }
  }
  return Math.max(...binary.napi_versions.filter((version) => version <= Number(process.versions.napi)))
}

/** Runs the system's tar; its own complaint says more than that the command failed. */
async function tar(args: readonly string[]): Promise<void> {
  await promisify(execFile)('tar', args).catch((error: Error & { stderr?: string }) => {
    throw new Error(error.stderr?.split('\n', 1)[0] || error.message, { cause: error })
  })
}
