import { seededRandom } from '../../seeded-random.ts'
import { Deck } from './deck.ts'
import type { Lengths } from './order.ts'
import { Places } from './places.ts'

/**
 * Deals documents until each of the rising `tokens` is reached, and yields what each part of the run has. A part that is
 * shorter than the corpus is a random part of it: it spans all difficulties, like a whole one.
 */
export function* dealParts(lengths: Lengths, tokens: readonly number[], seed: number): Generator<Places> {
  const deck = new Deck(lengths, seededRandom(seed))
  deck.openTo(lengths.length)
  for (const end of tokens) {
    const part = new Places(lengths.length)
    for (const dealt of deck.dealTo(end)) for (const place of dealt) part.add(place)
    yield part
  }
}
