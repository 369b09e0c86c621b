import { existsSync } from 'node:fs'
import { mkdir, readdir, readFile, rm, stat } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { partFiles, type PartFacts, unitOfFile } from '../../schemas/manifest.ts'
import { UserError } from '../../schemas/user-error.ts'
import { isOwn, type Share } from '../documents/unit.ts'
import { fileHash } from '../file-hash.ts'
import { replaceFile } from '../replace-file.ts'
import {
  finishedUnits,
  type Manifest,
  manifestName,
  manifestNames,
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
 * Copies a tokenizer next to the parts that it is needed for, in place of another one.
 * @throws UserError where the folder's own is asked for, and is not the one that made the folder's tokens.
 */
export async function keepTokenizer(
  folder: string,
  { path: from, sha256 }: { readonly path: string; readonly sha256: string },
  manifest: Pick<Manifest, 'lines'>,
): Promise<void> {
  const path = join(folder, tokenizerName)
  if (resolve(path) === resolve(from)) return checkTokenizer(folder, manifest)
  if (existsSync(path) && (await tokenizerHash(path)) === sha256) return
  const bytes = await readFile(from)
  await replaceFile(path, (file) => file.writeFile(bytes))
}

/** @throws UserError where the folder's tokenizer is another one than made its tokens, by a flipped bit perhaps. */
export async function checkTokenizer(folder: string, { lines }: Pick<Manifest, 'lines'>): Promise<void> {
  const path = join(folder, tokenizerName)
  const sha256 = await tokenizerHash(path)
  const parts = lines.flatMap(({ part }) => part ?? [])
  if (parts.length === 0 || parts.some(({ tokenizer }) => tokenizer.sha256 === sha256)) return
  throw new UserError(
    `\`${path}\` is not the tokenizer that made the shards beside it: put that one back, name another with --tokenizer, or remove the file and score again, which trains it anew.`,
  )
}

/**
 * Removes what a broken run left behind: temporary files, and parts that no line of the manifest is about.
 * @param share where other processes are at work in the folder, whose files are left alone
 */
export async function removeLeftovers(
  folder: string,
  { lines }: Pick<Manifest, 'lines'>,
  share?: Share,
): Promise<void> {
  const units = new Set(lines.map(({ unit }) => unit))
  await removeParts(folder, (unit, partial) => isOwn(unit, share) && (partial || !units.has(unit)))
  for (const name of await readdir(folder)) {
    if (/^(plan|manifest|tokenizer|ngrams)[\w.]*\.partial$|^rejected\.jsonl\.tmp$/.test(name))
      await rm(join(folder, name))
  }
}

/**
 * Once every planned unit is finished, removes the parts and the lines of the manifest that an older plan has left,
 * and joins the manifests of processes that divided the plan.
 */
export async function removeUnclaimed(folder: string): Promise<void> {
  const plan = await readPlan(folder)
  const manifest = await readManifest(folder)
  if (!plan || !manifest) return
  const finished = finishedUnits(plan, manifest)
  const claimed = finished.filter((line) => line !== undefined)
  if (claimed.length < finished.length) return
  const units = new Set(claimed.filter(({ part }) => part).map(({ unit }) => unit))
  await removeParts(folder, (unit) => !units.has(unit))
  await joinManifests(folder, { ...manifest, lines: claimed })
}

/** Makes one manifest of all. */
export async function joinManifests(
  folder: string,
  manifest: Pick<Manifest, 'header' | 'lines'>,
): Promise<void> {
  await writeManifest(folder, manifestName(), manifest)
  for (const name of await manifestNames(folder)) if (name !== manifestName()) await rm(join(folder, name))
}

/** Whether a file is what the manifest says of it, to the last byte. */
export async function isIntact(path: string, { bytes, sha256 }: PartFacts['tokensFile']): Promise<boolean> {
  return (await sizeOf(path)) === bytes && (await fileHash(path)) === sha256
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

export function filesOf(folder: string, unit: number, part: PartFacts) {
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
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}
