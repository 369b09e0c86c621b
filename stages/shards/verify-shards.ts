import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { UserError } from '../../schemas/user-error.ts'
import type { Verification } from '../verification.ts'
import { readArrowSchema } from './arrow-file-reader.ts'
import { finishedUnits, readManifest, readPlan } from './manifest-file.ts'
import { checkTokenizer, filesOf, isIntact } from './shards-folder.ts'

const scoreAgain = 'run the same `score` command again'

/** Reads every file of a folder of shards, and holds it against its checksum. Changes nothing. */
export async function verifyShards(folder: string, verification: Verification): Promise<void> {
  const { damage } = verification
  const plan = await verification.check(() => readPlan(folder))
  const manifest = await verification.check(() => readManifest(folder))
  damage.push(...(manifest?.damaged ?? []).map((place) => `\`${place}\` is damaged: ${scoreAgain}.`))
  const lines = manifest?.lines ?? []
  const planned = plan && manifest ? finishedUnits(plan, manifest) : lines
  const finished = planned.filter((line) => line !== undefined)
  const missing = planned.length - finished.length
  if (missing > 0) damage.push(`${missing} of ${planned.length} units are unfinished: ${scoreAgain}.`)
  const files = finished.flatMap(({ unit, part }) => (part ? filesOf(folder, unit, part) : []))
  for (const { path, file } of files) {
    await verification.check(async () => {
      if (await isIntact(path, file)) return
      throw new UserError(`\`${path}\` is missing or was altered: ${scoreAgain}, which makes that unit anew.`)
    })
  }
  if (lines.length > 0) await verification.check(() => checkTokenizer(folder, { lines }))
  const counts = join(folder, 'ngrams.arrow')
  if (existsSync(counts)) await verification.check(() => readArrowSchema(counts))
}
