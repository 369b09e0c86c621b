import { seededRandom } from '../../seeded-random.ts'
import { Deck } from './deck.ts'
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
    const easy = new Deck(lengths, random, easiest)
    easy.openTo(easiest)
    for (const places of easy.dealTo(until * tokens)) yield { phase: 0, places }
    const everything = new Deck(lengths, random)
    everything.openTo(lengths.length)
    for (const places of everything.dealTo(tokens - easy.dealt)) yield { phase: 1, places }
  },
}
