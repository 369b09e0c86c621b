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
  *arrange(corpus, tokens, seed, { share, until }) {
    const random = seededRandom(seed)
    const easy = new Deck(corpus.lengths, random)
    const [easiest] = quantiles(corpus, [share])
    easy.open(corpus.ascending.subarray(0, easiest))
    for (const documents of easy.dealTo(until * tokens)) yield { phase: 0, documents }
    const everything = new Deck(corpus.lengths, random)
    everything.open(corpus.ascending)
    for (const documents of everything.dealTo(tokens - easy.dealt)) yield { phase: 1, documents }
  },
}
