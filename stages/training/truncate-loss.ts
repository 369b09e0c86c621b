import { z } from 'zod'
import { defineStage } from '../stage.ts'
import { hardest } from './selection/hardest.ts'
import { select, selectionOptions } from './selection/select.ts'

/**
 * Loss truncation (Kang and Hashimoto, arXiv 2004.14589): what has a loss above a quantile is likely noise, and is
 * left out. The quantile is that of the step's own losses.
 */
export const truncateLoss = defineStage({
  name: 'truncate-loss',
  summary:
    'Leave out the sequences or tokens with the largest loss, as noise, and keep the rest for backward.',
  version: 2,
  accepts: ['forwarded'],
  emits: 'selected',
  options: z.strictObject({ ...selectionOptions, keep: selectionOptions.keep.default(0.9) }),
  async *run(items, { options }) {
    yield* select(items, { ...options, choose: easiest, hasThreshold: false })
  },
})

/** Indices, ascending, of the `count` smallest losses; of equal ones, those that come first. */
export function easiest(losses: Float32Array, count: number): Int32Array {
  return hardest(
    losses.map((loss) => -loss),
    count,
  )
}
