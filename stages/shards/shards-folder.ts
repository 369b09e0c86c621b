import { mkdir, readdir, readFile, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { threadId } from 'node:worker_threads'
import { type ManifestLine, partFiles, type PartFacts, unitOfFile } from '../../schemas/manifest.ts'
import type { TokenizerFacts } from '../../schemas/tokenized.ts'
import { UserError } from '../../schemas/user-error.ts'
import { fileHash } from '../file-hash.ts'
import { replaceFile } from '../replace-file.ts'
import {
  finishedUnits,
  type Manifest,
  manifestName,
  planName,
  readManifest,
  readPlan,
  writeManifest,
} from './manifest-file.ts'
import { tokenizerHash } from './tokenizer-file.ts'

export const tokenizerName = 'tokenizer.json'

/** @throws UserError where the folder cannot be made. */
export async function makeFolder(folder: string): Promise<void> {
  try {
    await mkdir(folder, { recursive: true })
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    throw new UserError(
      `No shards can be written to \`${folder}\` (${code}): name a folder that can be written to.`,
    )
  }
}

/**
 * Copies a tokenizer next to the parts that it is needed for.
 * @throws UserError where another one is there.
 */
export async function keepTokenizer(
  folder: string,
  tokenizer: TokenizerFacts & { path?: string },
): Promise<void> {
  const path = join(folder, tokenizerName)
  const there = await readdir(folder)
  if (!there.includes(tokenizerName)) {
    const bytes = await readFile(tokenizer.path as string)
    // Several workers may get here at once.
    const partial = `${path}.${process.pid}.${threadId}.partial`
    return replaceFile(path, (file) => file.writeFile(bytes), partial)
  }
  if ((await tokenizerHash(path)) === tokenizer.sha256) return
  throw new UserError(
    `The shards in \`${folder}\` are of another tokenizer than \`${tokenizer.path}\`: score with \`${path}\`, or into another folder.`,
  )
}

/** Removes what a broken run left behind: temporary files, and parts that no line of the manifest is about. */
export async function removeLeftovers(folder: string, { lines }: Manifest): Promise<void> {
  const units = new Set(lines.map(({ unit }) => unit))
  await removeParts(folder, (unit, partial) => partial || !units.has(unit))
  const ours = [planName, manifestName, tokenizerName]
  for (const name of await readdir(folder)) {
    const isLeft = name.endsWith('.partial') && ours.some((start) => name.startsWith(`${start}.`))
    if (isLeft) await rm(join(folder, name))
  }
}

/** Once every planned unit is finished, removes the parts and the lines of the manifest that an older plan has left. */
export async function removeUnclaimed(folder: string): Promise<void> {
  const plan = await readPlan(folder)
  const manifest = await readManifest(folder)
  if (!plan || !manifest) return
  const finished = finishedUnits(plan, manifest)
  const claimed = finished.filter((line) => line !== undefined)
  if (claimed.length < finished.length) return
  const units = new Set(claimed.filter(({ part }) => part).map(({ unit }) => unit))
  await removeParts(folder, (unit) => !units.has(unit))
  const { header, lines } = manifest
  if (lines.length !== claimed.length || lines.some((line, index) => line !== claimed[index])) {
    await writeManifest(folder, { header, lines: claimed })
  }
}

/** Whether the files of a unit are what its line in the manifest says, to the last byte. */
export async function isIntact(folder: string, { unit, part }: ManifestLine): Promise<boolean> {
  if (!part) return true
  for (const { path, file } of filesOf(folder, unit, part)) {
    if ((await sizeOf(path)) !== file.bytes || (await fileHash(path)) !== file.sha256) return false
  }
  return true
}

/**
 * Checks that a unit's files are there in their full size.
 * @throws UserError where they are not.
 */
export async function checkSizes(folder: string, unit: number, part: PartFacts): Promise<void> {
  for (const { path, file } of filesOf(folder, unit, part)) {
    const bytes = await sizeOf(path)
    if (bytes === file.bytes) continue
    const found = bytes === undefined ? 'is missing' : `has ${bytes} bytes instead of ${file.bytes}`
    throw new UserError(`\`${path}\` ${found}: run the same \`score\` command again, which writes it anew.`)
  }
}

function filesOf(folder: string, unit: number, part: PartFacts) {
  const names = partFiles(unit)
  return [
    { path: join(folder, names.tokens), file: part.tokensFile },
    { path: join(folder, names.scores), file: part.scoresFile },
  ]
}

async function removeParts(
  folder: string,
  wanted: (unit: number, partial: boolean) => boolean,
): Promise<void> {
  for (const name of await readdir(folder)) {
    const unit = unitOfFile(name)
    if (unit !== undefined && wanted(unit, name.endsWith('.partial'))) await rm(join(folder, name))
  }
}

async function sizeOf(path: string): Promise<number | undefined> {
  try {
    return (await stat(path)).size
  } catch {
    return undefined
  }
}
