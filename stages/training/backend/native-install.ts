import { existsSync } from 'node:fs'
import { readFile, stat } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { join } from 'node:path'

/** What the installer found or put in place, written as its last act. No dates: the same install gives the same bytes. */
export interface NativeInstall {
  /** Where the native library is from; null where no source worked, and then `problems` says why. */
  readonly source: string | null
  /** Checksum that the download was compared with before it was unpacked; null where its publisher gives none. */
  readonly verified: string | null
  /** The native files as installed. */
  readonly files: readonly { readonly path: string; readonly bytes: number; readonly sha256: string }[]
  /** One sentence for each source that did not work. */
  readonly problems: readonly string[]
}

/** The installer's command, as a remedy in messages. */
export const installCommand = 'npm run install-native'

/** The node_modules folder that gradus's packages are in. */
export function nodeModulesFolder(): string {
  const folders = createRequire(import.meta.url).resolve.paths('@tensorflow/tfjs-core') ?? []
  const found = folders.find((folder) => existsSync(join(folder, '@tensorflow', 'tfjs-core')))
  if (found === undefined) throw new Error('The package @tensorflow/tfjs-core is not installed.')
  return found
}

/** Folder of the package whose native files this is about; it need not exist. */
export function tensorflowFolder(nodeModules: string): string {
  return join(nodeModules, '@tensorflow', 'tfjs-node-gpu')
}

/** Outside the package, so that it outlives it: npm removes an optional package that it could not install. */
export function recordFile(nodeModules: string): string {
  return join(nodeModules, '.gradus', 'tensorflow.json')
}

/** The installer's record; undefined where it never ran to its end. */
export async function readNativeInstall(
  nodeModules = nodeModulesFolder(),
): Promise<NativeInstall | undefined> {
  try {
    return JSON.parse(await readFile(recordFile(nodeModules), 'utf8')) as NativeInstall
  } catch {
    return undefined
  }
}

/** Path of the first recorded file that is missing or of another size; undefined where all are whole. */
export async function findDamage(
  { files }: NativeInstall,
  nodeModules = nodeModulesFolder(),
): Promise<string | undefined> {
  for (const { path, bytes } of files) {
    const found = await stat(join(tensorflowFolder(nodeModules), path)).catch(() => undefined)
    if (found?.size !== bytes) return path
  }
  return undefined
}

/** Says in whole sentences why the native back end did not load, and what to do. */
export async function explainMissing(error: unknown): Promise<string> {
  const install = await readNativeInstall()
  if (install === undefined) return `It has not been installed. Run \`${installCommand}\`.`
  if (install.source === null) return `${install.problems.join(' ')} \`${installCommand}\` tries again.`
  const damaged = await findDamage(install)
  if (damaged !== undefined) return `Its file ${damaged} is damaged. Run \`${installCommand}\`.`
  const [firstLine] = String(error instanceof Error ? error.message : error).split('\n', 1)
  return `It is installed but does not load: ${firstLine.replace(/\.$/, '')}.`
}
