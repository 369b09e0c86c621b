import { type Data, makeData, RecordBatch } from 'apache-arrow'
import { z } from 'zod'
import { scoreColumns } from '../../schemas/shard.ts'
import { UserError } from '../../schemas/user-error.ts'
import { defineStage } from '../stage.ts'
import { earlyCut, type EarlyCut } from './early-cut.ts'
import { picked } from './picked.ts'
import { type DocumentDynamics, readDynamics } from './read-dynamics.ts'

const share = z.number().gt(0).lt(1)

export const cutEarly = defineStage({
  name: 'cut-early',
  summary:
    'Leave out the documents that an earlier run learned early and found implausible later: likely mislabelled.',
  version: 1,
  accepts: ['scores'],
  emits: 'scores',
  options: z.strictObject({
    run: z.string().describe('Folder of a run of several epochs that had a record-dynamics stage'),
    early: z
      .int()
      .min(0)
      .default(1)
      .describe(
        'Epoch, counted from 0, whose losses say what was learned early; in the first one, a loss says more of when a document came',
      ),
    learned: share
      .default(0.5)
      .describe(
        'Share of the documents, those with the smallest loss in that epoch, that were learned early',
      ),
    cut: share
      .default(0.05)
      .describe('Share of these that is left out: those with the largest loss in the run’s last whole epoch'),
    certain: share
      .optional()
      .describe(
        'Only if they are in this share of the documents learned early, those with the largest mean of the predictions’ largest probability in that epoch [default: all]',
      ),
    flat: share
      .optional()
      .describe(
        'Only if they are in this share of the documents learned early, those with the smallest gradient by the input in that epoch [default: all]',
      ),
  }),
  async *run(batches, { options: { run, early, ...shares }, signal, stats, log }) {
    const dynamics = await readDynamics(run)
    const { suspects, judged, late } = suspectsOf(run, dynamics, early, shares)
    log(
      `Early cutting leaves out ${suspects.size} of the ${judged} documents that the run \`${run}\` read in epochs ${early} and ${late}.`,
    )
    let known = 0
    for await (const batch of batches) {
      signal.throwIfAborted()
      const { hashes } = scoreColumns(batch)
      for (const hash of hashes) if (dynamics.has(hash)) known++
      const kept = Uint32Array.from(hashes.keys()).filter((row) => !suspects.has(hashes[row]))
      if (kept.length < hashes.length)
        stats.drop('learned early, implausible later', hashes.length - kept.length)
      yield kept.length < hashes.length ? rowsOf(batch, kept) : batch
    }
    if (known === 0) {
      throw new UserError(`The run \`${run}\` read none of the documents: take a run on the same corpus.`)
    }
  },
})

/** Hashes of the documents to leave out, of those that were read in both epochs. @throws UserError where none were. */
function suspectsOf(
  run: string,
  dynamics: ReadonlyMap<bigint, DocumentDynamics>,
  early: number,
  shares: EarlyCut,
): { suspects: ReadonlySet<bigint>; judged: number; late: number } {
  const late = lastWholeEpoch(dynamics)
  if (late <= early) {
    throw new UserError(
      `The run \`${run}\` has ${late + 1} whole epochs, and early cutting compares epoch ${early}, counted from 0, with a later one. Take a run with more, or lower \`early\`.`,
    )
  }
  const judged = [...dynamics].filter(([, { loss }]) => loss.length > late)
  const inEpoch = (epoch: number, name: 'loss' | 'largest' | 'gradient') =>
    Float64Array.from(judged, ([, document]) => document[name][epoch])
  const asked = (share: number | undefined, name: 'largest' | 'gradient', option: string) => {
    if (share === undefined) return undefined
    if (judged.every(([, document]) => document[name].length > late)) return inEpoch(late, name)
    throw new UserError(
      `The run \`${run}\` did not record what \`${option}\` of \`cut-early\` asks for: train one with \`early-cutting: true\` in \`record-dynamics\`, or leave \`${option}\` out.`,
    )
  }
  const later = {
    loss: inEpoch(late, 'loss'),
    largest: asked(shares.certain, 'largest', 'certain'),
    gradient: asked(shares.flat, 'gradient', 'flat'),
  }
  const cut = earlyCut(inEpoch(early, 'loss'), later, shares)
  return {
    suspects: new Set(Array.from(cut, (document) => judged[document][0])),
    judged: judged.length,
    late,
  }
}

/** The last epoch in which the run read at least half of its documents. */
function lastWholeEpoch(dynamics: ReadonlyMap<bigint, DocumentDynamics>): number {
  const read: number[] = []
  for (const { loss } of dynamics.values()) loss.forEach((_, epoch) => (read[epoch] = (read[epoch] ?? 0) + 1))
  return read.findLastIndex((documents) => documents >= dynamics.size / 2)
}

/** Some rows of a `scores` batch, whose columns are all flat numbers. */
function rowsOf(batch: RecordBatch, rows: Uint32Array): RecordBatch {
  const children = batch.data.children.map(({ type, values }): Data => {
    const data = picked(values as Float64Array, rows)
    return makeData({ type, length: rows.length, nullCount: 0, data } as never)
  })
  return new RecordBatch(
    batch.schema,
    makeData({ type: batch.data.type, length: rows.length, nullCount: 0, children }),
  )
}
