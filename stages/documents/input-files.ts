import { stat } from 'node:fs/promises'
import { isAbsolute, resolve, sep } from 'node:path'
import { glob, isDynamicPattern } from 'tinyglobby'
import { UserError } from '../../schemas/user-error.ts'
import { standardInput, standardInputPath } from './standard-input.ts'
import type { InputFile } from './unit.ts'

const compressions = ['', '.gz', '.zst']

interface Search {
  /** Ends of names that a search through a folder takes, compressed or not, such as `.jsonl`. */
  readonly extensions: readonly string[]
  /** A file that this run will write; it is left out of folders and globs. */
  readonly output?: string | undefined
  readonly signal: AbortSignal
}

/**
 * The files that `paths` (files, folders, globs, `-` for standard input) amount to, in the order of `paths`; within
 * a folder or a glob sorted by the bytes of their names, so that every machine reads them in the same order. A
 * folder is searched recursively. A file that is reached twice is read once.
 *
 * @throws UserError where a path is missing, yields no file or is `output`.
 */
export async function inputFiles(
  paths: readonly string[],
  { extensions, output, signal }: Search,
): Promise<InputFile[]> {
  const files = new Map<string, InputFile>()
  for (const given of paths) {
    if (given === standardInputPath) {
      files.set(standardInputPath, await standardInput(signal))
      continue
    }
    const path = withSlashes(given)
    for (const file of await filesAt(path, extensions)) {
      const absolute = resolve(file)
      if (output !== undefined && absolute === resolve(output)) {
        if (file === path)
          throw new UserError(`\`${path}\` is both read and written: write rejected records elsewhere.`)
      } else if (!files.has(absolute)) files.set(absolute, { path: file, source: file })
    }
  }
  if (files.size === 0) throw new UserError('There is no input: name at least one file, folder or glob.')
  return [...files.values()]
}

async function filesAt(path: string, extensions: readonly string[]): Promise<string[]> {
  const found = await stat(path).catch(() => undefined)
  if (found?.isFile()) return [path]
  if (found?.isDirectory()) return filesInFolder(path, extensions)
  if (found) {
    throw new UserError(
      `\`${path}\` is not a regular file, and input is read twice: save it to a file first, or name \`-\` and give ` +
        'it as standard input.',
    )
  }
  if (!isDynamicPattern(path)) throw new UserError(`\`${path}\` does not exist: check the path.`)
  const files = await glob(path, { expandDirectories: false, absolute: isAbsolute(path) })
  if (files.length === 0) throw new UserError(`No file matches \`${path}\`: check the pattern.`)
  return sorted(files)
}

async function filesInFolder(folder: string, extensions: readonly string[]): Promise<string[]> {
  const patterns = extensions.flatMap((extension) => compressions.map((end) => `**/*${extension}${end}`))
  const names = await glob(patterns, { cwd: folder, expandDirectories: false })
  if (names.length === 0) {
    const wanted = extensions.join(' or ')
    throw new UserError(`Folder \`${folder}\` holds no ${wanted} file: name files of other kinds by a glob.`)
  }
  return sorted(names).map((name) => `${folder.replace(/\/+$/, '')}/${name}`)
}

function sorted(names: string[]): string[] {
  return names.sort((one, other) => Buffer.compare(Buffer.from(one), Buffer.from(other)))
}

function withSlashes(path: string): string {
  return sep === '/' ? path : path.replaceAll(sep, '/')
}
