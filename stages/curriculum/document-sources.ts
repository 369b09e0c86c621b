import { utf8Column } from '../../schemas/documents.ts'
import type { Shards } from '../shards/open-shards.ts'

/** Which source each document is from. */
export interface DocumentSources {
  /** Files as the user named them when scoring, in the order in which the shards have them. */
  readonly names: readonly string[]
  /** `[n]` index in `names` of each document's. */
  readonly of: Uint32Array
}

/**
 * Looks up the sources of documents, which are in the order of the shards. The files that hold them hold the text too:
 * it takes as long as reading all of it.
 */
export async function readSources(
  shards: Shards,
  { parts, rows }: { readonly parts: Uint32Array; readonly rows: Uint32Array },
  signal: AbortSignal,
): Promise<DocumentSources> {
  const indices = new Map<string, number>()
  const of = new Uint32Array(parts.length)
  let document = 0
  for (const { part } of shards.parts) {
    for await (const { firstRow, batch } of shards.documents(part)) {
      signal.throwIfAborted()
      const sources = utf8Column(batch, 'source')
      for (; parts[document] === part && rows[document] < firstRow + batch.numRows; document++) {
        const name = sources.text(rows[document] - firstRow)
        let index = indices.get(name)
        if (index === undefined) indices.set(name, (index = indices.size))
        of[document] = index
      }
    }
  }
  return { names: [...indices.keys()], of }
}
