import { seededRandom } from '../../seeded-random.ts'
import { Deck } from './deck.ts'
import type { RankedCorpus } from './order.ts'

/**
 * Deals documents until each of the rising `tokens` is reached, and yields those of each stretch by their places in
 * the order of difficulty, from the easiest to the hardest. A stretch that is shorter than the corpus is a random part
 * of it: it spans all difficulties, like a whole one.
 */
export function* dealPlaces(
  { lengths, ascending }: RankedCorpus,
  tokens: readonly number[],
  seed: number,
): Generator<Uint32Array> {
  const lengthsByPlace = ascending.map((document) => lengths[document])
  const deck = new Deck(lengthsByPlace, seededRandom(seed))
  deck.open(ascending.map((_, place) => place))
  for (const end of tokens) yield concatenate([...deck.dealTo(end)]).sort()
}

function concatenate(pieces: readonly Uint32Array[]): Uint32Array {
  if (pieces.length === 1) return pieces[0]
  const whole = new Uint32Array(pieces.reduce((sum, { length }) => sum + length, 0))
  let filled = 0
  for (const piece of pieces) {
    whole.set(piece, filled)
    filled += piece.length
  }
  return whole
}
