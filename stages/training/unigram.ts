import { isHeldOut } from '../../schemas/held-out.ts'
import { scoreColumns } from '../../schemas/shard.ts'
import type { Shards } from '../shards/open-shards.ts'

/**
 * Nats of each token id `[V]` under a unigram model of the documents that are not held out: −ln((n + 1) / (N + V)), with
 * one count added to each id, so that none is impossible (Laplace).
 */
export async function unigramNats(shards: Shards): Promise<Float64Array> {
  const counts = new Float64Array(shards.vocabulary).fill(1)
  const heldOut = await heldOutRows(shards)
  for (const { part } of shards.parts) {
    for await (const { firstRow, offsets, values } of shards.tokens(part)) {
      for (let row = 0; row + 1 < offsets.length; row++) {
        if (heldOut.get(part)?.has(firstRow + row)) continue
        for (let i = offsets[row]; i < offsets[row + 1]; i++) counts[values[i]]++
      }
    }
  }
  const total = counts.reduce((sum, count) => sum + count, 0)
  return counts.map((count) => Math.log(total / count))
}

/** Rows that are held out, by part. */
async function heldOutRows(shards: Shards): Promise<Map<number, Set<number>>> {
  const rows = new Map<number, Set<number>>()
  for await (const batch of shards.scores()) {
    const columns = scoreColumns(batch)
    for (let i = 0; i < batch.numRows; i++) {
      if (!isHeldOut(columns.hashes[i], shards.heldOut)) continue
      const part = columns.parts[i]
      if (!rows.has(part)) rows.set(part, new Set())
      rows.get(part)?.add(columns.rows[i])
    }
  }
  return rows
}
