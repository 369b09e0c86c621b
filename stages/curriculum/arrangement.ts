import type { RecordBatch, Schema } from 'apache-arrow'
import { type OrderColumns, orderBatch } from '../../schemas/order.ts'

const rowsPerBatch = 8192

/** What an order comes to. */
export interface Arrangement {
  /** Documents in the order, each as often as it occurs. */
  readonly documents: number
  /** Different ones among them. */
  readonly distinct: number
  /** Documents that it could choose from. */
  readonly available: number
  /** Its rows from the first to the last, in pieces of any size. To be read once. */
  readonly rows: () => Iterable<OrderColumns> | AsyncIterable<OrderColumns>
}

/** An order's rows, in batches of one size but for the last. */
export async function* orderBatches(
  { documents, rows }: Arrangement,
  schema: Schema,
): AsyncGenerator<RecordBatch, void, undefined> {
  let left = documents
  let columns = emptyColumns(Math.min(left, rowsPerBatch))
  let filled = 0
  for await (const piece of rows()) {
    for (let start = 0; start < piece.part.length;) {
      const end = Math.min(piece.part.length, start + columns.part.length - filled)
      columns.part.set(piece.part.subarray(start, end), filled)
      columns.row.set(piece.row.subarray(start, end), filled)
      columns.tokens.set(piece.tokens.subarray(start, end), filled)
      columns.hardness.set(piece.hardness.subarray(start, end), filled)
      columns.phase.set(piece.phase.subarray(start, end), filled)
      filled += end - start
      start = end
      if (filled < columns.part.length) continue
      yield orderBatch(schema, columns)
      left -= filled
      columns = emptyColumns(Math.min(left, rowsPerBatch))
      filled = 0
    }
  }
}

/** Columns to be filled. */
export function emptyColumns(rows: number): OrderColumns {
  return {
    part: new Uint32Array(rows),
    row: new Uint32Array(rows),
    tokens: new Uint32Array(rows),
    hardness: new Float32Array(rows),
    phase: new Uint16Array(rows),
  }
}
