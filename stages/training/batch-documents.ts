import type { Batch } from './messages.ts'

type Held = Pick<Batch, 'rows' | 'length' | 'documents' | 'corpus' | 'places'>

/**
 * Says which documents a batch holds, or one row of it: their places in the order, and where the shards have the first
 * and the last of them.
 */
export function documentsOf(
  { rows, length, documents, corpus, places }: Held,
  [from, to] = [0, rows],
): string {
  const [first, last] = [documents[from * (length + 1)], documents[to * (length + 1) - 1]]
  const place = (document: number) =>
    places ? ` (part ${places.parts[document]}, row ${places.rows[document]})` : ''
  const named =
    first === last
      ? `document ${first}${place(first)}`
      : `documents ${first}${place(first)} to ${last}${place(last)}`
  return `${named} of the order of \`${corpus.shards}\`, counted from 0`
}
