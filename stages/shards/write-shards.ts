import type { RecordBatch } from 'apache-arrow'
import { z } from 'zod'
import { type ManifestLine, shardsFormat } from '../../schemas/manifest.ts'
import { tokenizerOf } from '../../schemas/tokenized.ts'
import { UserError } from '../../schemas/user-error.ts'
import { defineStage, type StageContext } from '../stage.ts'
import {
  appendToManifest,
  finishedUnits,
  type Manifest,
  readManifest,
  writeManifest,
  writePlan,
} from './manifest-file.ts'
import { type PartPlace, PartWriter } from './part-writer.ts'
import { regroup } from './regroup.ts'
import { isIntact, keepTokenizer, makeFolder, removeLeftovers, removeUnclaimed } from './shards-folder.ts'

export const writeShards = defineStage({
  name: 'write-shards',
  summary: 'Keep documents, tokens and scores in a folder of Arrow shards, a part a unit of input.',
  version: 1,
  accepts: ['scored'],
  options: z.strictObject({
    to: z.string().describe('Folder of the shards').meta({ cosmetic: true }),
    'held-out': z
      .number()
      .min(0)
      .lt(1)
      .default(0.05)
      .describe('Share of documents that is kept for evaluation and never trained on')
      .meta({ cosmetic: true }),
  }),
  async unfinished(planned, { options: { to: folder, 'held-out': heldOut }, signal }) {
    await makeFolder(folder)
    const manifest = await openManifest(folder, heldOut)
    await removeLeftovers(folder, manifest)
    const plan = {
      format: shardsFormat,
      units: planned.map(({ unit, key }) => ({ unit: unit.index, key, bytes: unit.bytes })),
    } as const
    await writePlan(folder, plan)
    const damaged = new Set<ManifestLine>()
    const finished = new Set<number>()
    for (const line of finishedUnits(plan, manifest)) {
      signal.throwIfAborted()
      if (!line) continue
      if (await isIntact(folder, line)) finished.add(line.unit)
      else damaged.add(line)
    }
    // Written anew even where nothing is damaged: a crash may have left a line without its end.
    await writeManifest(folder, { ...manifest, lines: manifest.lines.filter((line) => !damaged.has(line)) })
    return planned.map(({ unit }) => unit).filter(({ index }) => !finished.has(index))
  },
  // eslint-disable-next-line require-yield -- a sink
  async *run(batches: AsyncIterable<RecordBatch>, context) {
    const { options, unit, key } = context
    if (!unit || key === undefined) throw new Error('write-shards runs once a unit of a planned input.')
    await appendToManifest(
      options.to,
      await writePart({ folder: options.to, unit: unit.index, key }, batches, context),
    )
  },
  finished: ({ options: { to } }) => removeUnclaimed(to),
})

/** The folder's manifest, or a new one. @throws UserError where the folder has another held-out share. */
async function openManifest(folder: string, heldOut: number): Promise<Manifest> {
  const manifest = await readManifest(folder)
  if (!manifest) return { header: { format: shardsFormat, heldOut }, lines: [] }
  if (manifest.header.heldOut === heldOut) return manifest
  throw new UserError(
    `The shards in \`${folder}\` hold out ${manifest.header.heldOut} of the documents, not ${heldOut}: keep that share, or ` +
      'score into another folder, so that no model is ever evaluated on what it was trained on.',
  )
}

async function writePart(
  place: PartPlace,
  batches: AsyncIterable<RecordBatch>,
  { signal, stats }: Pick<StageContext<unknown>, 'signal' | 'stats'>,
): Promise<ManifestLine> {
  let part: PartWriter | undefined
  try {
    for await (const batch of regroup(batches)) {
      signal.throwIfAborted()
      if (!part) {
        await keepTokenizer(place.folder, tokenizerOf(batch.schema))
        part = await PartWriter.open(place, batch.schema)
      }
      await part.write(batch)
      stats.add('documents', batch.numRows)
    }
    const empty = { unit: place.unit, key: place.key, rows: 0, textBytes: 0, tokens: 0, part: null }
    return part ? await part.finish() : empty
  } catch (error) {
    await part?.discard()
    throw error
  }
}
