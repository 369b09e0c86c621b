import { createHash, type Hash } from 'node:crypto'
import { z } from 'zod'
import { type OrderColumns, orderColumns, orderReport } from '../../schemas/order.ts'
import { shardsFolder } from '../../schemas/shard.ts'
import { UserError } from '../../schemas/user-error.ts'
import { openShards } from '../shards/open-shards.ts'
import { defineStage } from '../stage.ts'
import type { DocumentPlaces } from '../training/messages.ts'
import { lengthGrowthOption } from '../training/schedules/sequence-length.ts'
import { PackedStream, type StreamLayout } from './packed-stream.ts'
import { openShardTokens, type ShardTokens } from './shard-tokens.ts'

const options = z
  .strictObject({
    rows: z.int().positive().default(16).describe('Sequences a batch'),
    length: z.int().positive().default(128).describe('Tokens that a sequence predicts'),
    grow: lengthGrowthOption.optional(),
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
  async *run(ordered, { options, signal, stats, log }) {
    let shards: ShardTokens | undefined
    let layout: StreamLayout | undefined
    let places: DocumentPlaces | undefined
    let tokens = 0
    let laid = 0
    const hash = createHash('sha256')
    try {
      for await (const batch of ordered) {
        signal.throwIfAborted()
        if (!shards || !layout || !places) {
          const report = orderReport(batch.schema)
          tokens = report.tokens
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
      const shape = options.rows * options.length
      if (!shards || !layout || !places || tokens < shape) {
        throw new UserError(
          `The order has ${tokens} tokens to predict, fewer than a batch of ${options.rows} rows of ${options.length}. ` +
            'Lower `rows` or `length`, raise the order’s `tokens`, or score more text.',
        )
      }
      const stream = new PackedStream(layout, shards.store, tokens, options, shards.corpus, options.grow)
      const { rows, length, grow, from } = options
      const cut = grow ? [rows, length, grow] : [rows, length]
      const name = hash.update(JSON.stringify([shards.key, tokens, ...cut])).digest('hex')
      for (let step = Math.min(from, stream.steps - 1); step < stream.steps; step++) {
        signal.throwIfAborted()
        yield { ...stream.readBatch(step), stream: name, places }
        stats.add('batches', 1)
      }
    } finally {
      shards?.store.close()
    }
  },
})

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
