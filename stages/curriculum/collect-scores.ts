import type { RecordBatch, Schema } from 'apache-arrow'
import { isHeldOut } from '../../schemas/held-out.ts'
import { type MetricColumn, metricValues } from '../../schemas/scored.ts'
import { scoreColumns } from '../../schemas/shard.ts'
import type { Stats } from '../stage.ts'
import { Column, type Numbers } from './on-disk/column.ts'
import { Scratch } from './on-disk/scratch.ts'
import { picked } from './picked.ts'

/** What an order is made from: the documents that may be trained on, in the order of the shards. Removes its files. */
export interface Scores extends Disposable {
  /** Documents, n. */
  readonly count: number
  /** `[n]` part of the shards. */
  readonly parts: Column<Uint32Array>
  /** `[n]` row in the part. */
  readonly rows: Column<Uint32Array>
  /** `[n]` tokens that a document takes in training: its own and the separator. */
  readonly lengths: Column<Uint32Array>
  readonly metrics: readonly { readonly column: MetricColumn; readonly values: Column<Float64Array> }[]
  /** `[n]` of the documents' texts, where they were asked for. */
  readonly hashes?: Column<BigUint64Array>
  /** Where the columns lie, if they are too long for memory. */
  readonly scratch?: Scratch | undefined
}

/** What to collect. */
export interface Collected {
  readonly metrics: readonly MetricColumn[]
  /** Share in [0, 1] of the documents that is held out. */
  readonly heldOut: number
  /** Whether hashes are to be collected too: 8 bytes a document. */
  readonly hashes?: boolean
  /** Path of a folder for columns that are too long for memory. */
  readonly scratch: string
}

/**
 * Collects the columns that an order needs from `scores` batches: 12 bytes a document and 8 a metric, alike whatever
 * the batches' sizes. Held-out documents and those without a token are left out and counted.
 *
 * @param choose called with the batches' schema, before the first row is read.
 * @param inMemory documents that are kept in memory; where there are more, all are put into files.
 * @returns undefined where there is no batch.
 */
export async function collectScores(
  batches: AsyncIterable<RecordBatch>,
  choose: (schema: Schema) => Promise<Collected>,
  stats: Stats,
  inMemory: number,
): Promise<Scores | undefined> {
  let collected: Collected | undefined
  let scratch: Scratch | undefined
  const parts = new Column<Uint32Array>(Uint32Array)
  const rows = new Column<Uint32Array>(Uint32Array)
  const lengths = new Column<Uint32Array>(Uint32Array)
  const hashes = new Column<BigUint64Array>(BigUint64Array)
  let metrics: { column: MetricColumn; values: Column<Float64Array> }[] = []
  try {
    for await (const batch of batches) {
      if (!collected) {
        collected = await choose(batch.schema)
        metrics = collected.metrics.map((column) => ({
          column,
          values: new Column<Float64Array>(Float64Array),
        }))
      }
      const columns = scoreColumns(batch)
      const kept = trainable(columns.hashes, columns.tokens, collected.heldOut, stats)
      parts.push(picked(columns.parts, kept))
      rows.push(picked(columns.rows, kept))
      lengths.push(picked(columns.tokens, kept).map((count) => count + 1))
      for (const { column, values } of metrics)
        values.push(picked(metricValues(batch, column.name).values, kept))
      if (collected.hashes) hashes.push(picked(columns.hashes, kept))
      if (parts.length <= inMemory || scratch) continue
      scratch = new Scratch(collected.scratch)
      const all: Column<Numbers>[] = [parts, rows, lengths, hashes, ...metrics.map(({ values }) => values)]
      for (const column of all) column.moveTo(scratch)
    }
  } catch (error) {
    scratch?.[Symbol.dispose]()
    throw error
  }
  if (!collected) return undefined
  return {
    count: parts.length,
    parts,
    rows,
    lengths,
    metrics,
    ...(collected.hashes && { hashes }),
    scratch,
    [Symbol.dispose]: () => scratch?.[Symbol.dispose](),
  }
}

/** Tokens that all of the documents take in training. */
export function totalTokens({ lengths }: Scores): number {
  let total = 0
  for (const piece of lengths.pieces()) for (const length of piece) total += length
  return total
}

/** Rows that may be trained on. */
function trainable(hashes: BigUint64Array, tokens: Uint32Array, heldOut: number, stats: Stats): Uint32Array {
  const kept = new Uint32Array(hashes.length)
  let count = 0
  let empty = 0
  for (let row = 0; row < hashes.length; row++) {
    if (isHeldOut(hashes[row], heldOut)) continue
    if (tokens[row] === 0) empty++
    else kept[count++] = row
  }
  if (empty > 0) stats.drop('without a token', empty)
  if (count + empty < hashes.length) stats.drop('held out', hashes.length - count - empty)
  return kept.subarray(0, count)
}
