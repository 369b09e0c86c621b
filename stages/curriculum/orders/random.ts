import { seededRandom } from '../../seeded-random.ts'
import { Deck } from './deck.ts'
import type { Order } from './order.ts'

export const random: Order = {
  summary: 'Shuffled; each pass anew.',
  formula: 'any q at any t',
  source: 'the baseline of every comparison',
  defaults: {},
  ignoresDifficulty: true,
  *arrange(lengths, tokens, seed) {
    const deck = new Deck(lengths, seededRandom(seed))
    deck.openTo(lengths.length)
    for (const places of deck.dealTo(tokens)) yield { phase: 0, places }
  },
}
