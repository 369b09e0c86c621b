import { seededRandom } from '../../seeded-random.ts'
import { Deck } from './deck.ts'
import type { Order, RankedCorpus, Stretch } from './order.ts'

export const ascending: Order = {
  summary: 'From the easiest to the hardest; each pass anew.',
  formula: 'q = t in each pass',
  source: 'Bengio et al. 2009 (10.1145/1553374.1553380)',
  defaults: {},
  arrange: (corpus, tokens, seed) => sorted(corpus, corpus.ascending, tokens, seed),
}

export const descending: Order = {
  summary: 'From the hardest to the easiest; each pass anew.',
  formula: 'q = 1 − t in each pass',
  source: 'the anti-curriculum of arXiv 2012.03107',
  defaults: {},
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
