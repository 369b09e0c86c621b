import { seededRandom } from '../../seeded-random.ts'
import { Deck } from './deck.ts'
import type { Order } from './order.ts'

export const random: Order = {
  summary: 'Shuffled; each pass anew.',
  formula: 'any q at any t',
  source: 'the baseline of every comparison',
  defaults: {},
  *arrange({ lengths, ascending }, tokens, seed) {
    const deck = new Deck(lengths, seededRandom(seed))
    // Opened in the order of the corpus, not of difficulty: the same run whatever metrics there are.
    deck.open(ascending.slice().sort())
    for (const documents of deck.dealTo(tokens)) yield { phase: 0, documents }
  },
}
