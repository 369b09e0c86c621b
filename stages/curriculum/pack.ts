import { createHash, type Hash } from 'node:crypto'
import { z } from 'zod'
import { type OrderColumns, orderColumns, type OrderReport, orderReport } from '../../schemas/order.ts'
import { shardsFolder } from '../../schemas/shard.ts'
import { UserError } from '../../schemas/user-error.ts'
import { rehearsedFile } from '../derived-file.ts'
import { openShards } from '../shards/open-shards.ts'
import { defineStage } from '../stage.ts'
import type { DocumentPlaces } from '../training/messages.ts'
import { lengthGrowthOption } from '../training/schedules/sequence-length.ts'
import type { Mixture } from './mixture.ts'
import { type BatchShape, PackedStream, type StreamLayout } from './packed-stream.ts'
import { SampledRows } from './sampled-rows.ts'
import { openShardTokens, type ShardTokens, stateOfShardTokens } from './shard-tokens.ts'
import { SourceSampler, type UpperConfidence } from './source-sampler.ts'

const options = z
  .strictObject({
    rows: z.int().positive().default(16).describe('Sequences a batch'),
    length: z.int().positive().default(128).describe('Tokens that a sequence predicts'),
    grow: lengthGrowthOption.optional(),
    to: z.string().optional().meta({
      description:
        'Folder of the run, for a mixture by ucb: what its batches came to is written there, sources.jsonl [default: none]',
      cosmetic: true,
    }),
    from: z.int().min(0).default(0).meta({
      description: 'Step of the first batch, as `train --resume` sets it; the last step at most.',
      cosmetic: true,
    }),
  })
  .superRefine(({ rows, length, grow }, context) => {
    if (!grow || (grow.from <= length && (rows * length) % grow.from === 0)) return
    context.addIssue({
      code: 'custom',
      path: ['grow', 'from'],
      message: `it must be at most \`length\` and divide the ${rows * length} tokens of a batch`,
    })
  })

export const pack = defineStage({
  name: 'pack',
  summary: 'Pack ordered documents into batches of rows of equal length, which may grow while the run lasts.',
  version: 1,
  accepts: ['ordered'],
  emits: 'batches',
  options,
  // eslint-disable-next-line require-yield -- batches are made from what the order holds
  async *rehearse(ordered, { options, log }) {
    for await (const batch of ordered) {
      const report = orderReport(batch.schema)
      checkBudget(report.tokens, options)
      sampledMixture(report, options)
      const { path, state } = await stateOfShardTokens(await openShards(shardsFolder(batch.schema)))
      return log(rehearsedFile(path, state, 'the tokens of these shards'))
    }
  },
  async *run(ordered, { options, signal, stats, log }) {
    let shards: ShardTokens | undefined
    let layout: StreamLayout | undefined
    let places: DocumentPlaces | undefined
    let tokens = 0
    let ucb: SampledMixture | undefined
    let laid = 0
    const hash = createHash('sha256')
    try {
      for await (const batch of ordered) {
        signal.throwIfAborted()
        if (!shards || !layout || !places) {
          const report = orderReport(batch.schema)
          tokens = report.tokens
          ucb = sampledMixture(report, options)
          layout = emptyLayout(report.documents)
          places = { parts: new Uint32Array(report.documents), rows: new Uint32Array(report.documents) }
          shards = await openShardTokens(await openShards(shardsFolder(batch.schema)), signal, log)
        }
        const columns = orderColumns(batch)
        layOut(columns, laid, layout, shards)
        places.parts.set(columns.part, laid)
        places.rows.set(columns.row, laid)
        update(hash, columns)
        laid += batch.numRows
      }
      checkBudget(tokens, options)
      // An order without a document has no tokens either.
      if (!shards || !layout || !places) return
      const source = shards
      const stream = new PackedStream(layout, source.store, tokens, options, source.corpus, options.grow)
      const { rows, length, grow, from } = options
      const cut = [rows, length, ...(grow ? [grow] : []), ...(ucb ? [ucb.settings] : [])]
      const name = hash.update(JSON.stringify([source.key, tokens, ...cut])).digest('hex')
      const first = Math.min(from, stream.steps - 1)
      const sampled = ucb && (await openSampled(ucb, layout, stream, from, first))
      for (let step = first; step < stream.steps; step++) {
        signal.throwIfAborted()
        const drawn = sampled?.draw(step)
        const batch = await source.mending(() => stream.readBatch(step, drawn?.starts))
        yield { ...batch, stream: name, places, ...(drawn && { feedback: drawn.feedback }) }
        stats.add('batches', 1)
      }
    } finally {
      shards?.store.close()
    }
  },
})

/** A mixture whose shares training decides on. */
interface SampledMixture {
  readonly settings: UpperConfidence & { readonly seed: number }
  /** Folder for what the run learns of its sources. */
  readonly to: string
}

/** @throws UserError where there is no folder for what the run learns of its sources. */
function sampledMixture(report: OrderReport, { to }: z.output<typeof options>): SampledMixture | undefined {
  const { mixture, seed } = report.options as { mixture?: Mixture; seed: number }
  if (!mixture?.ucb) return undefined
  if (to !== undefined) return { settings: { ...mixture.ucb, seed }, to }
  throw new UserError(
    'A mixture by `ucb` writes down what its batches came to: give `pack` the folder of the run, as `to`.',
  )
}

async function openSampled(
  { settings: { seed, ...settings }, to }: SampledMixture,
  { phases, starts }: StreamLayout,
  stream: PackedStream,
  from: number,
  first: number,
): Promise<SampledRows> {
  // The phase of a document is its source, and sources lie one behind the other.
  const laneStarts = Array.from(starts.subarray(0, phases.length)).filter(
    (_, i) => i === 0 || phases[i] !== phases[i - 1],
  )
  const sampler = new SourceSampler(laneStarts.length, seed, settings)
  const shapeOf = (step: number) => stream.shapeOf(step)
  return SampledRows.open({ to, starts: laneStarts, sampler, shapeOf }, from, first)
}

/** @throws UserError where the tokens of an order do not make up a batch. */
function checkBudget(tokens: number, { rows, length }: BatchShape): void {
  if (tokens >= rows * length) return
  throw new UserError(
    `The order has ${tokens} tokens to predict, fewer than a batch of ${rows} rows of ${length}. ` +
      'Lower `rows` or `length`, raise the order’s `tokens`, or score more text.',
  )
}

function update(hash: Hash, columns: OrderColumns): void {
  const { part, row, tokens, hardness, phase } = columns
  for (const column of [part, row, tokens, hardness, phase]) hash.update(column)
}

function emptyLayout(documents: number): StreamLayout {
  return {
    starts: new Float64Array(documents + 1),
    offsets: new Float64Array(documents),
    hardness: new Float32Array(documents),
    phases: new Uint16Array(documents),
  }
}

/** Puts the documents of a batch behind those that are `laid`. */
function layOut(columns: OrderColumns, laid: number, layout: StreamLayout, shards: ShardTokens): void {
  const { part, row, tokens, hardness, phase } = columns
  layout.hardness.set(hardness, laid)
  layout.phases.set(phase, laid)
  for (let i = 0; i < part.length; i++) {
    layout.offsets[laid + i] = shards.locate(part[i], row[i])
    layout.starts[laid + i + 1] = layout.starts[laid + i] + tokens[i] + 1
  }
}
