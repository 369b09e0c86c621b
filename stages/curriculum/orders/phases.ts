import { openingProgress } from '../../training/schedules/pacing.ts'
import { seededRandom } from '../../seeded-random.ts'
import { Deck } from './deck.ts'
import type { Order } from './order.ts'
import { quantiles } from './quantiles.ts'

/**
 * Group k of g opens when pacing has opened the share k / g (arXiv 2506.11300, pacing-based sampling). Phase k deals
 * from the groups 0 to k; documents that open join the pass under way.
 */
export const phases: Order = {
  summary: 'Groups from easy to hard open one after the other; whatever is open comes shuffled.',
  formula: 'any q < (k + 1)/g while k/g ≤ pacing(t) < (k + 1)/g',
  source: 'arXiv 2506.11300, pacing-based sampling',
  defaults: { groups: 10, pacing: 'linear', by: 'tokens' },
  *arrange(lengths, tokens, seed, { groups, pacing, by }) {
    const shares = Array.from({ length: groups }, (_, k) => (k + 1) / groups)
    const ends = quantiles(lengths, shares, by)
    const deck = new Deck(lengths, seededRandom(seed))
    for (let phase = 0; phase < groups; phase++) {
      deck.openTo(ends[phase])
      const next = openingProgress(pacing, (phase + 1) / groups)
      for (const places of deck.dealTo(next * tokens)) yield { phase, places }
    }
  },
}
