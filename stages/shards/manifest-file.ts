import { appendFile, open, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { z } from 'zod'
import {
  type ManifestHeader,
  manifestHeaderSchema,
  type ManifestLine,
  manifestLineSchema,
  type Plan,
  planSchema,
} from '../../schemas/manifest.ts'
import { UserError } from '../../schemas/user-error.ts'
import { replaceFile } from '../replace-file.ts'

export const planName = 'plan.json'
export const manifestName = 'manifest.jsonl'

export interface Manifest {
  readonly header: ManifestHeader
  /** In the order in which units were finished; a later line of a unit is about the files that are there. */
  readonly lines: readonly ManifestLine[]
}

/** @returns undefined where the folder has none. @throws UserError where it cannot be understood. */
export async function readManifest(folder: string): Promise<Manifest | undefined> {
  const path = join(folder, manifestName)
  const text = await readIfThere(path)
  // A crash may leave the last line unfinished: its unit does not count.
  const [header, ...lines] = text?.split('\n').slice(0, -1) ?? []
  if (header === undefined) return undefined
  return {
    header: parse(manifestHeaderSchema, header, `${path}:1`),
    lines: lines.map((line, index) => parse(manifestLineSchema, line, `${path}:${index + 2}`)),
  }
}

/** @returns undefined where the folder has none. @throws UserError where it cannot be understood. */
export async function readPlan(folder: string): Promise<Plan | undefined> {
  const path = join(folder, planName)
  const text = await readIfThere(path)
  return text === undefined ? undefined : parse(planSchema, text, path)
}

export async function writePlan(folder: string, plan: Plan): Promise<void> {
  await replaceFile(join(folder, planName), (file) => file.writeFile(`${JSON.stringify(plan)}\n`))
}

export async function writeManifest(folder: string, { header, lines }: Manifest): Promise<void> {
  const text = [header, ...lines].map((line) => `${JSON.stringify(line)}\n`).join('')
  await replaceFile(join(folder, manifestName), (file) => file.writeFile(text))
}

/** Adds a unit to a manifest that `writeManifest` wrote, once the unit's files are on disk. */
export async function appendToManifest(folder: string, line: ManifestLine): Promise<void> {
  const handle = await open(join(folder, manifestName), 'a')
  try {
    await appendFile(handle, `${JSON.stringify(line)}\n`)
    await handle.sync()
  } finally {
    await handle.close()
  }
}

/** The manifest's line of each planned unit, in the plan's order; undefined for a unit that is not finished. */
export function finishedUnits(plan: Plan, { lines }: Manifest): (ManifestLine | undefined)[] {
  const byUnit = new Map(lines.map((line) => [`${line.unit} ${line.key}`, line]))
  return plan.units.map(({ unit, key }) => byUnit.get(`${unit} ${key}`))
}

function parse<Schema extends z.ZodType>(schema: Schema, json: string, place: string): z.output<Schema> {
  try {
    return schema.parse(JSON.parse(json))
  } catch {
    throw new UserError(
      `\`${place}\` is damaged or of another version of gradus: remove the folder's shards, or score into another folder.`,
    )
  }
}

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) return undefined
    throw error
  }
}
