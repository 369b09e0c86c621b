import { seededRandom } from '../../seeded-random.ts'
import { dealPhase } from './deal-phase.ts'
import type { Order } from './order.ts'
import { quantiles } from './quantiles.ts'

/**
 * Phase 0 deals from the easiest share alone, phase 1 from everything: after the warm-up, training sees the corpus
 * as it is. This is the curriculum whose gain lasts in arXiv 2506.11300.
 */
export const warmUp: Order = {
  summary: 'The easiest share first, then everything, shuffled.',
  formula: 'any q ≤ share while t < until, then any q',
  source: 'arXiv 2506.11300, curriculum as warm-up',
  defaults: { share: 0.3, until: 0.2 },
  *arrange(lengths, tokens, seed, { share, until }) {
    const random = seededRandom(seed)
    const [easiest] = quantiles(lengths, [share])
    const dealt = yield* dealPhase(0, easiest, until * tokens, lengths, random)
    yield* dealPhase(1, lengths.length, tokens - dealt, lengths, random)
  },
}
