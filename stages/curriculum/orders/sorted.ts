import { seededRandom } from '../../seeded-random.ts'
import { Deck } from './deck.ts'
import type { Order, RankedCorpus, Stretch } from './order.ts'

export const ascending: Order = {
  summary: 'From the easiest to the hardest; each pass anew.',
  takes: [],
  arrange: (corpus, tokens, seed) => sorted(corpus, corpus.ascending, tokens, seed),
}

export const descending: Order = {
  summary: 'From the hardest to the easiest; each pass anew.',
  takes: [],
  arrange: (corpus, tokens, seed) => sorted(corpus, corpus.ascending.toReversed(), tokens, seed),
}

/** A pass that the budget cuts short takes a random part of the corpus: it spans all difficulties, like a whole one. */
function* sorted(
  { lengths }: RankedCorpus,
  order: Uint32Array,
  tokens: number,
  seed: number,
): Generator<Stretch> {
  const place = new Uint32Array(order.length)
  order.forEach((document, i) => (place[document] = i))
  const deck = new Deck(lengths, seededRandom(seed))
  deck.open(order)
  for (const pass of deck.dealTo(tokens)) {
    const places = pass.map((document) => place[document]).sort()
    yield { phase: 0, documents: places.map((at) => order[at]) }
  }
}
