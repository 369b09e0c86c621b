import { orderColumns } from '../../schemas/order.ts'
import { readOrder } from '../../stages/curriculum/order-file.ts'
import type { Shards } from '../../stages/shards/open-shards.ts'
import type { Place } from './plot-data.ts'
import { optionsOf, type RunFolder } from './run-folder.ts'
import { findOrder } from './run-order.ts'

/**
 * Mean hardness rank, in [0, 1], of the tokens of each step, those to come included, as the run's order has them; none
 * where the run's order is not among those that the shards keep.
 */
export async function fedHardness(run: RunFolder, shards: Shards): Promise<Place[]> {
  const pack = optionsOf(run, 'pack') as { rows: number; length: number } | undefined
  const found = pack && (await findOrder(run, shards))
  if (!found) return []
  const { accumulate = 1 } = (optionsOf(run, 'optimize') ?? {}) as { accumulate?: number }
  const tokensOfBatch = pack.rows * pack.length
  const tokensOfStep = tokensOfBatch * accumulate
  const batches = Math.floor(found.report.tokens / tokensOfBatch)
  const sums = new Float64Array(Math.ceil(batches / accumulate))
  const total = batches * tokensOfBatch
  let read = 0
  for await (const batch of readOrder(found.path, shards.folder)) {
    const { tokens, hardness } = orderColumns(batch)
    for (let i = 0; i < tokens.length && read < total; i++) {
      // With the document's separator.
      const end = Math.min(total, read + tokens[i] + 1)
      while (read < end) {
        const step = Math.floor(read / tokensOfStep)
        const until = Math.min(end, (step + 1) * tokensOfStep)
        sums[step] += hardness[i] * (until - read)
        read = until
      }
    }
  }
  return [...sums].map((sum, step) => ({
    x: step,
    y: sum / Math.min(tokensOfStep, total - step * tokensOfStep),
  }))
}
