import { readdirSync, statSync } from 'node:fs'
import { isAbsolute, join, resolve, sep } from 'node:path'
import { globSync, isDynamicPattern } from 'tinyglobby'
import { UserError } from '../../schemas/user-error.ts'
import { inputKinds, type InputKind } from '../../stages/documents/input-kinds.ts'
import { standardInputPath } from '../../stages/documents/standard-input.ts'

/** A file of the input, and what it is. */
interface Example {
  readonly name: string
  readonly kind: InputKind
}

/**
 * What an input is, told by names: those of the files given, or of the files in a folder that some reader looks for.
 * JSON Lines where names tell nothing, as with standard input. What is in the folder `out` is no input.
 *
 * @throws UserError where it is of two kinds: one reader reads all of it.
 */
export function kindOfInput(paths: readonly string[], out: string): InputKind {
  let first: Example | undefined
  for (const path of paths) {
    for (const example of examplesAt(path)) {
      if (resolve(example.name).startsWith(resolve(out) + sep)) continue
      first ??= example
      if (example.kind !== first.kind) throw mixed(first, example)
    }
  }
  return first?.kind ?? 'jsonl'
}

function examplesAt(path: string): Example[] {
  if (path === standardInputPath) return []
  const found = statSync(path, { throwIfNoEntry: false })
  if (found?.isDirectory()) {
    return namesIn(path).flatMap((name) => {
      const kind = isHidden(name) ? undefined : kindByExtension(name)
      return kind ? [{ name: join(path, name), kind }] : []
    })
  }
  const names =
    !found && isDynamicPattern(path)
      ? globSync(path, { expandDirectories: false, absolute: isAbsolute(path) })
      : [path]
  return names.map((name) => ({ name, kind: kindOfFile(name) }))
}

/** Names in a folder and those below it; none where it may not be read, which the reader will speak of. */
function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder, { recursive: true, encoding: 'utf8' })
  } catch {
    return []
  }
}

/** A file that is named outright may be called anything; `.json` is what many call JSON Lines. */
function kindOfFile(name: string): InputKind {
  return kindByExtension(name) ?? (/\.json(\.(gz|zst))?$/.test(name) ? 'jsonl' : 'text')
}

function kindByExtension(name: string): InputKind | undefined {
  const plain = name.replace(/\.(gz|zst)$/, '')
  return kinds.find((kind) => inputKinds[kind].extensions.some((extension) => plain.endsWith(extension)))
}

const kinds = Object.keys(inputKinds) as InputKind[]

function isHidden(name: string): boolean {
  return name.split(sep).some((part) => part.startsWith('.'))
}

function mixed(first: Example, other: Example): UserError {
  const [one, two] = [first, other].map(({ name, kind }) => `${inputKinds[kind].words} (\`${name}\`)`)
  return new UserError(
    `The input is of two kinds, ${one} and ${two}: score one kind at a time, or say with --format which files of a ` +
      'folder to read.',
  )
}
