import type { RecordBatch, Schema } from 'apache-arrow'
import { isHeldOut } from '../../schemas/held-out.ts'
import { type MetricColumn, metricValues } from '../../schemas/scored.ts'
import { scoreColumns } from '../../schemas/shard.ts'
import type { Stats } from '../stage.ts'

/** What an order is made from: the documents that may be trained on, in the order of the shards. */
export interface Scores {
  /** `[n]` part of the shards. */
  readonly parts: Uint32Array
  /** `[n]` row in the part. */
  readonly rows: Uint32Array
  /** `[n]` tokens that a document takes in training: its own and the separator. */
  readonly lengths: Uint32Array
  readonly metrics: readonly { readonly column: MetricColumn; readonly values: Float64Array }[]
  /** `[n]` of the documents' texts, where they were asked for. */
  readonly hashes?: BigUint64Array
}

/** What to collect. */
export interface Collected {
  readonly metrics: readonly MetricColumn[]
  /** Share in [0, 1] of the documents that is held out. */
  readonly heldOut: number
  /** Whether hashes are to be collected too: 8 bytes a document. */
  readonly hashes?: boolean
}

type Column = Uint32Array | Float64Array | BigUint64Array

/**
 * Collects the columns that an order needs from `scores` batches: 12 bytes a document and 8 a metric, alike whatever
 * the batches' sizes. Held-out documents and those without a token are left out and counted.
 *
 * @param choose called with the batches' schema, before the first row is read.
 * @returns undefined where there is no batch.
 */
export async function collectScores(
  batches: AsyncIterable<RecordBatch>,
  choose: (schema: Schema) => Promise<Collected>,
  stats: Stats,
): Promise<Scores | undefined> {
  let collected: Collected | undefined
  const chunks: Column[][] = []
  for await (const batch of batches) {
    collected ??= await choose(batch.schema)
    const { parts, rows, hashes, tokens } = scoreColumns(batch)
    const kept = trainable(hashes, tokens, collected.heldOut, stats)
    const lengths = tokens.map((count) => count + 1)
    const metrics = collected.metrics.map(({ name }) => metricValues(batch, name).values)
    const columns: Column[] = [parts, rows, lengths, ...metrics, ...(collected.hashes ? [hashes] : [])]
    columns.forEach((column, i) => (chunks[i] ??= []).push(pick(column, kept)))
  }
  if (collected === undefined) return undefined
  const columns = chunks.map((pieces) => concatenate(pieces.splice(0)))
  const [parts, rows, lengths] = columns as Uint32Array[]
  const metrics = collected.metrics.map((column, i) => ({ column, values: columns[3 + i] as Float64Array }))
  const hashes = columns[3 + metrics.length] as BigUint64Array | undefined
  return { parts, rows, lengths, metrics, ...(hashes && { hashes }) }
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

function pick(column: Column, rows: Uint32Array): Column {
  const picked = emptyLike(column, rows.length)
  for (let i = 0; i < rows.length; i++) picked[i] = column[rows[i]]
  return picked
}

function concatenate(pieces: readonly Column[]): Column {
  const whole = emptyLike(
    pieces[0],
    pieces.reduce((sum, { length }) => sum + length, 0),
  )
  let filled = 0
  for (const piece of pieces) {
    // Pieces of a column are of one type.
    ;(whole as Uint32Array).set(piece as Uint32Array, filled)
    filled += piece.length
  }
  return whole
}

function emptyLike(column: Column, length: number): Column {
  return new (column.constructor as new (length: number) => Column)(length)
}
