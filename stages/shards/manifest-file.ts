import { appendFile, open, readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { z } from 'zod'
import {
  type ManifestHeader,
  manifestHeaderSchema,
  type ManifestLine,
  manifestLineSchema,
  type Plan,
  planSchema,
  shardsFormat,
} from '../../schemas/manifest.ts'
import { UserError } from '../../schemas/user-error.ts'
import { parseChecked, withChecksum } from '../checked-json.ts'
import type { Share } from '../documents/unit.ts'
import { replaceFile } from '../replace-file.ts'

export const planName = 'plan.json'
const manifestPattern = /^manifest(\.(\d+))?\.jsonl$/

/** What all manifests of a folder say together. */
export interface Manifest {
  readonly header: ManifestHeader
  /** In the order in which units were finished; a later line of a unit is about the files that are there. */
  readonly lines: readonly ManifestLine[]
  /** Places of lines that are not what was written. */
  readonly damaged: readonly string[]
}

/** Name of the manifest that a process adds to: one that divides a plan with others has its own. */
export function manifestName(share?: Share): string {
  return share === undefined ? 'manifest.jsonl' : `manifest.${share.rank}.jsonl`
}

/** The folder's manifests: the common one, then those of processes that divided a plan, by rank. */
export async function manifestNames(folder: string): Promise<string[]> {
  const rank = (name: string) => Number(manifestPattern.exec(name)?.[2] ?? -1)
  const names = await readdir(folder).catch(() => [])
  return names.filter((name) => manifestPattern.test(name)).sort((a, b) => rank(a) - rank(b))
}

/**
 * Reads and joins a folder's manifests.
 * @returns undefined where the folder has none.
 * @throws UserError where one is of another version, or nothing tells the held-out share.
 */
export async function readManifest(folder: string): Promise<Manifest | undefined> {
  const lines: ManifestLine[] = []
  const damaged: string[] = []
  let header: ManifestHeader | undefined
  const names = await manifestNames(folder)
  for (const name of names) {
    const path = join(folder, name)
    // A crash may leave the last line unfinished: its unit does not count.
    const [first, ...rest] = (await readFile(path, 'utf8')).split('\n').slice(0, -1)
    if (first === undefined) damaged.push(`${path}:1`)
    else {
      const own = parse(manifestHeaderSchema, first, path)
      if (own) header ??= own
      else damaged.push(`${path}:1`)
    }
    rest.forEach((text, index) => {
      const line = parse(manifestLineSchema, text, path)
      if (line) lines.push(line)
      else damaged.push(`${path}:${index + 2}`)
    })
  }
  if (names.length === 0) return undefined
  return { header: header ?? (await headerOfPlan(folder)), lines, damaged }
}

/** @throws UserError where the plan is damaged too. */
async function headerOfPlan(folder: string): Promise<ManifestHeader> {
  const { heldOut } = (await readPlan(folder)) ?? {}
  if (heldOut !== undefined) return { format: shardsFormat, heldOut }
  throw new UserError(
    `The manifest and the plan in \`${folder}\` are damaged, and nothing tells which share is held out: score into another folder.`,
  )
}

/** @returns undefined where the folder has none. @throws UserError where it cannot be understood. */
export async function readPlan(folder: string): Promise<Plan | undefined> {
  const path = join(folder, planName)
  const text = await readIfThere(path)
  if (text === undefined) return undefined
  const plan = parse(planSchema, text, path)
  if (plan) return plan
  throw new UserError(`\`${path}\` is damaged: run the same \`score\` command again, which writes it anew.`)
}

export async function writePlan(folder: string, plan: Plan): Promise<void> {
  await replaceFile(join(folder, planName), (file) => file.writeFile(lineOf(plan)))
}

/** Replaces one of the folder's manifests. */
export async function writeManifest(
  folder: string,
  name: string,
  { header, lines }: Pick<Manifest, 'header' | 'lines'>,
): Promise<void> {
  const text = [header, ...lines].map(lineOf).join('')
  await replaceFile(join(folder, name), (file) => file.writeFile(text))
}

/** Adds a unit to a manifest that `writeManifest` wrote, once the unit's files are on disk. */
export async function appendToManifest(path: string, line: ManifestLine): Promise<void> {
  const handle = await open(path, 'a')
  try {
    await appendFile(handle, lineOf(line))
    await handle.sync()
  } finally {
    await handle.close()
  }
}

/** The newest line of each unit. */
export function newestLines({ lines }: Pick<Manifest, 'lines'>): Map<number, ManifestLine> {
  return new Map(lines.map((line) => [line.unit, line]))
}

/** The manifest's line of each planned unit, in the plan's order; undefined for a unit that is not finished. */
export function finishedUnits(plan: Plan, manifest: Pick<Manifest, 'lines'>): (ManifestLine | undefined)[] {
  const newest = newestLines(manifest)
  return plan.units.map(({ unit, key }) => {
    const line = newest.get(unit)
    return line?.key === key ? line : undefined
  })
}

function lineOf(value: object): string {
  return `${JSON.stringify(withChecksum(value))}\n`
}

/** @returns undefined where the text is damaged. @throws UserError where another version wrote it. */
function parse<Schema extends z.ZodType>(
  schema: Schema,
  text: string,
  path: string,
): z.output<Schema> | undefined {
  const checked = parseChecked(text)
  const { success, data } = schema.safeParse(checked)
  if (success) return data
  if (checked === undefined && !/^\{"format":1,/.test(text)) return undefined
  throw new UserError(
    `\`${path}\` was written by another version of gradus: score into another folder, or remove this one.`,
  )
}

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) return undefined
    throw error
  }
}
