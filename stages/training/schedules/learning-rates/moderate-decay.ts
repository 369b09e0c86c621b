import { cosine } from './cosine.ts'
import type { Shape } from './shape.ts'

/**
 * Ordered data brings its best last, and a rate that has died away learns little from it: the rate ends at a third of
 * its peak, and averaged checkpoints do what the rest of the decay would have done.
 */
export const moderateDecay: Shape = {
  ...cosine,
  summary: 'Half a cosine down to a third of the peak, for ordered data; average checkpoints beside it.',
  source: 'arXiv 2511.18903',
  final: 1 / 3,
}
