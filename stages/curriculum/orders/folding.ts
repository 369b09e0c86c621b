import type { Order, RankedCorpus, Stretch } from './order.ts'
import { dealPlaces } from './places.ts'

/** Layer l of L is every L-th document from the l-th easiest on, S[l::L]; layer l is phase l. */
export const folding: Order = {
  summary: 'Every L-th document from easy to hard, and again from the next easiest on, L times.',
  formula: 'S[0::L], S[1::L], …, S[L−1::L] of the sorted documents S',
  source: 'arXiv 2506.21545, folding ordering',
  defaults: { segments: 3 },
  arrange: (corpus, tokens, seed, { segments }) => layers(corpus, tokens, seed, segments, false),
}

/** Folding with every other layer from hard to easy, so that difficulty never jumps. */
export const zigzag: Order = {
  summary: 'Folding, with every other layer from hard to easy: difficulty never jumps.',
  formula: 'S[0::L], reversed S[1::L], S[2::L], …',
  source: 'arXiv 2506.21545, with odd layers reversed',
  defaults: { segments: 4 },
  arrange: (corpus, tokens, seed, { segments }) => layers(corpus, tokens, seed, segments, true),
}

function* layers(
  corpus: RankedCorpus,
  tokens: number,
  seed: number,
  count: number,
  turns: boolean,
): Generator<Stretch> {
  const [sorted] = dealPlaces(corpus, [tokens], seed)
  for (let layer = 0; layer < count; layer++) {
    const documents = new Uint32Array(Math.max(0, Math.ceil((sorted.length - layer) / count)))
    for (let i = 0; i < documents.length; i++) documents[i] = corpus.ascending[sorted[layer + i * count]]
    yield { phase: layer, documents: turns && layer % 2 === 1 ? documents.reverse() : documents }
  }
}
