import type { RandomSource } from '../../seeded-random.ts'
import { Deck } from './deck.ts'
import type { Lengths, Stretch } from './order.ts'

/** A phase that deals from the easiest documents, with a deck that is gone afterwards. @returns the tokens dealt. */
export function* dealPhase(
  phase: number,
  easiest: number,
  tokens: number,
  lengths: Lengths,
  random: RandomSource,
): Generator<Stretch, number> {
  const deck = new Deck(lengths, random, easiest)
  deck.openTo(easiest)
  for (const places of deck.dealTo(tokens)) yield { phase, places }
  return deck.dealt
}
