import { join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import type { RecordBatch } from 'apache-arrow'
import { z } from 'zod'
import { type ManifestLine, partFiles, type Plan, shardsFormat } from '../../schemas/manifest.ts'
import { documentHashes, documentsOf } from '../../schemas/shard.ts'
import { UserError } from '../../schemas/user-error.ts'
import { isOwn, type Unit } from '../documents/unit.ts'
import { defineStage, type StageContext, type UnitState } from '../stage.ts'
import { readArrowFile } from './arrow-file-reader.ts'
import {
  appendToManifest,
  type Manifest,
  manifestName,
  newestLines,
  readManifest,
  readPlan,
  writeManifest,
  writePlan,
} from './manifest-file.ts'
import { type PartPlace, PartWriter } from './part-writer.ts'
import { regroup } from './regroup.ts'
import {
  joinManifests,
  keepTokenizer,
  makeFolder,
  removeLeftovers,
  removeUnclaimed,
} from './shards-folder.ts'
import { unitStates } from './unit-states.ts'

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
  async states(planned, { options: { to: folder }, signal }) {
    return unitStates(folder, planned, (await readManifest(folder)) ?? { lines: [] }, signal)
  },
  async unfinished(planned, { options: { to: folder, 'held-out': heldOut }, signal, share, columns = [] }) {
    await makeFolder(folder)
    const manifest = await openManifest(folder, heldOut)
    // Processes that divide a plan leave alone what the first of them has put in order.
    const others = share && !share.isFirst ? share : undefined
    const plan: Plan = {
      format: shardsFormat,
      heldOut,
      units: planned.map(({ unit, keys }) => ({ unit: unit.index, key: keys.all, bytes: unit.bytes })),
    }
    if (others) await checkPlan(folder, plan)
    else {
      const tokenizer = columns.find(({ name }) => name === 'tokens')?.companion
      if (tokenizer) await keepTokenizer(folder, tokenizer, manifest)
      await writePlan(folder, plan)
    }
    await removeLeftovers(folder, manifest, others)
    const own = planned.filter(({ unit }) => isOwn(unit.index, others))
    const states = await unitStates(folder, own, manifest, signal)
    // Written anew even where nothing is damaged: a crash may have left a line without its end.
    const { header } = manifest
    if (!others) await joinManifests(folder, { header, lines: linesToKeep(manifest, states) })
    if (share) {
      const lines = others ? linesToKeep(manifest, states).filter(({ unit }) => isOwn(unit, share)) : []
      await writeManifest(folder, manifestName(share), { header, lines })
    }
    return states.filter(({ unit, isFinished }) => !isFinished && isOwn(unit.index, share))
  },
  // eslint-disable-next-line require-yield -- a sink
  async *run(batches: AsyncIterable<RecordBatch>, context) {
    const { options, unit, keys, share } = context
    if (!unit || !keys) throw new Error('write-shards runs once a unit of a planned input.')
    const line = await writePart({ folder: options.to, unit: unit.index, keys }, batches, context)
    await appendToManifest(join(options.to, manifestName(share)), line)
  },
  async finished({ options: { to }, share }) {
    if (!share) await removeUnclaimed(to)
  },
  async *restore(kind, { options: { to }, unit, signal, stats }) {
    for await (const batch of readArrowFile(join(to, partFiles((unit as Unit).index).tokens))) {
      signal.throwIfAborted()
      stats.add('documents', batch.numRows)
      yield kind === 'documents' ? documentsOf(batch) : batch
    }
  },
})

/** The folder's manifest, or a new one. @throws UserError where the folder has another held-out share. */
async function openManifest(folder: string, heldOut: number): Promise<Pick<Manifest, 'header' | 'lines'>> {
  const manifest = await readManifest(folder)
  if (!manifest) return { header: { format: shardsFormat, heldOut }, lines: [] }
  if (manifest.header.heldOut === heldOut) return manifest
  throw new UserError(
    `The shards in \`${folder}\` hold out ${manifest.header.heldOut} of the documents, not ${heldOut}: keep that share, or ` +
      'score into another folder, so that no model is ever evaluated on what it was trained on.',
  )
}

/** @throws UserError where the processes that are at work in the folder have another plan. */
async function checkPlan(folder: string, plan: Plan): Promise<void> {
  if (isDeepStrictEqual(await readPlan(folder), plan)) return
  throw new UserError(
    `The other processes that score into \`${folder}\` have other input or options: give all of them the same.`,
  )
}

/** Without the lines of units of which nothing is left. Those of units that are not as planned count no longer. */
function linesToKeep({ lines }: Pick<Manifest, 'lines'>, states: readonly UnitState[]): ManifestLine[] {
  const byUnit = new Map(states.map((state) => [state.unit.index, state]))
  return [...newestLines({ lines }).values()].flatMap((line) => {
    const state = byUnit.get(line.unit)
    if (!state || state.isFinished) return [line]
    if (!state.kept.documents && state.kept.columns.length === 0) return []
    return [line.key === state.keys.all ? { ...line, key: '' } : line]
  })
}

async function writePart(
  place: PartPlace,
  batches: AsyncIterable<RecordBatch>,
  { signal, stats, kept }: Pick<StageContext<unknown>, 'signal' | 'stats' | 'kept'>,
): Promise<ManifestLine> {
  let part: PartWriter | undefined
  const scores = kept?.columns.some((name) => name !== 'tokens')
    ? readArrowFile(join(place.folder, partFiles(place.unit).scores))
    : undefined
  try {
    for await (const batch of regroup(batches)) {
      signal.throwIfAborted()
      const old = scores && (await sameRows(scores, batch))
      part ??= await PartWriter.open(place, batch.schema, {
        ...(kept?.file && { tokensFile: kept.file }),
        ...(old && { scores: old.schema }),
      })
      await part.write(batch, old)
      stats.add('documents', batch.numRows)
    }
    return part ? await part.finish() : emptyUnit(place)
  } catch (error) {
    await part?.discard()
    throw error
  } finally {
    await scores?.return()
  }
}

/** The next batch of a scores file. Throws where it is not of the same documents. */
async function sameRows(
  scores: AsyncGenerator<RecordBatch, void, undefined>,
  batch: RecordBatch,
): Promise<RecordBatch> {
  const { value } = await scores.next()
  const hashes = documentHashes(batch)
  if (value && isDeepStrictEqual(documentHashes(value), hashes)) return value
  throw new Error('The documents of a unit are not those that its key stood for.')
}

function emptyUnit({ unit, keys }: PartPlace): ManifestLine {
  return {
    unit,
    key: keys.all,
    documentsKey: keys.documents,
    rows: 0,
    textBytes: 0,
    tokens: 0,
    part: null,
  }
}
