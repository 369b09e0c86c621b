import { openShare } from '../../training/schedules/pacing.ts'
import { seededRandom } from '../../seeded-random.ts'
import { Deck } from './deck.ts'
import type { Order } from './order.ts'
import { sizes, totalSize } from './quantiles.ts'

/** Equal parts of the run at whose beginnings the pool grows: finer than any batch count of a curriculum's paper. */
const openings = 1024

/**
 * The pool holds the easiest `share` at the beginning and grows, with no groups, until it holds everything at `until`:
 * c(t) = share + (1 − share) · pacing(t / until), the competence of arXiv 1903.09848 for linear pacing.
 * Phase 0 while it grows, phase 1 afterwards.
 */
export const growth: Order = {
  summary: 'A pool of the easiest documents grows document by document; whatever is in it comes shuffled.',
  formula: 'any q ≤ share + (1 − share) · pacing(t / until)',
  source: 'arXiv 1903.09848, its linear competence',
  defaults: { pacing: 'linear', by: 'tokens', share: 0.1, until: 0.8 },
  *arrange(lengths, tokens, seed, { pacing, by, share, until }) {
    const size = sizes(lengths, by)
    const total = totalSize(lengths, by)
    const deck = new Deck(lengths, seededRandom(seed))
    let held = 0
    let end = 0
    for (let k = 0; k < openings; k++) {
      const t = k / openings
      const isGrowing = t < until
      const wanted = isGrowing ? (share + (1 - share) * openShare(pacing, t / until)) * total : total
      while (end < lengths.length && (held < wanted || end === 0)) held += size(end++)
      deck.openTo(end)
      const phase = isGrowing ? 0 : 1
      for (const places of deck.dealTo(((k + 1) / openings) * tokens)) yield { phase, places }
    }
  },
}
