import type { OrderColumns } from '../../schemas/order.ts'
import { type Arrangement, emptyColumns } from './arrangement.ts'
import type { Scores } from './collect-scores.ts'
import type { Stretch } from './orders/order.ts'

/**
 * What an order arranges, with all of it in memory.
 * @param hardness `[n]` by document.
 * @param documents `[n]` the document at each place.
 */
export function arrangeInMemory(
  scores: Pick<Scores, 'parts' | 'rows' | 'lengths'>,
  hardness: Float32Array,
  documents: Uint32Array,
  stretches: readonly Stretch[],
): Arrangement {
  const seen = new Uint8Array(documents.length)
  for (const { places } of stretches) for (const place of places) seen[place] = 1
  return {
    documents: stretches.reduce((sum, { places }) => sum + places.length, 0),
    distinct: seen.reduce((sum, once) => sum + once, 0),
    available: documents.length,
    *rows() {
      const [parts, rows, lengths] = [scores.parts, scores.rows, scores.lengths].map((column) =>
        column.toArray(),
      )
      for (const { phase, places } of stretches) {
        const columns: OrderColumns = emptyColumns(places.length)
        columns.phase.fill(phase)
        for (let i = 0; i < places.length; i++) {
          const document = documents[places[i]]
          columns.part[i] = parts[document]
          columns.row[i] = rows[document]
          columns.tokens[i] = lengths[document] - 1
          columns.hardness[i] = hardness[document]
        }
        yield columns
      }
    },
  }
}
