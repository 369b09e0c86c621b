import type { RecordBatch, Schema } from 'apache-arrow'
import { type OrderColumns, orderBatch, type OrderReport } from '../../schemas/order.ts'
import type { Scores } from './collect-scores.ts'
import type { Stretch } from './orders/order.ts'

const rowsPerBatch = 8192

/** Counts what an order holds of the `available` documents. */
export function countDocuments(
  stretches: readonly Stretch[],
  available: number,
): Pick<OrderReport, 'documents' | 'distinct' | 'available'> {
  const seen = new Uint8Array(available)
  let documents = 0
  for (const stretch of stretches) {
    documents += stretch.documents.length
    for (const document of stretch.documents) seen[document] = 1
  }
  return { documents, distinct: seen.reduce((sum, once) => sum + once, 0), available }
}

/** An order's rows, in batches. */
export function* orderBatches(
  stretches: readonly Stretch[],
  { parts, rows, lengths }: Scores,
  hardness: Float32Array,
  schema: Schema,
): Generator<RecordBatch> {
  let left = stretches.reduce((sum, { documents }) => sum + documents.length, 0)
  let columns = emptyColumns(Math.min(left, rowsPerBatch))
  let filled = 0
  for (const { documents, phase } of stretches) {
    for (const document of documents) {
      columns.part[filled] = parts[document]
      columns.row[filled] = rows[document]
      columns.tokens[filled] = lengths[document] - 1
      columns.hardness[filled] = hardness[document]
      columns.phase[filled] = phase
      if (++filled === columns.part.length) {
        yield orderBatch(schema, columns)
        left -= filled
        columns = emptyColumns(Math.min(left, rowsPerBatch))
        filled = 0
      }
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
