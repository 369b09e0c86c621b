import { dealParts } from './deal-parts.ts'
import type { Lengths, Order, Stretch } from './order.ts'
import { inStretches } from './places.ts'

/** Layer l of L is every L-th document from the l-th easiest on, S[l::L]; layer l is phase l. */
export const folding: Order = {
  summary: 'Every L-th document from easy to hard, and again from the next easiest on, L times.',
  formula: 'S[0::L], S[1::L], …, S[L−1::L] of the sorted documents S',
  source: 'arXiv 2506.21545, folding ordering',
  defaults: { segments: 3 },
  arrange: (lengths, tokens, seed, { segments }) => layers(lengths, tokens, seed, segments, false),
}

/** Folding with every other layer from hard to easy, so that difficulty never jumps. */
export const zigzag: Order = {
  summary: 'Folding, with every other layer from hard to easy: difficulty never jumps.',
  formula: 'S[0::L], reversed S[1::L], S[2::L], …',
  source: 'arXiv 2506.21545, with odd layers reversed',
  defaults: { segments: 4 },
  arrange: (lengths, tokens, seed, { segments }) => layers(lengths, tokens, seed, segments, true),
}

function* layers(
  lengths: Lengths,
  tokens: number,
  seed: number,
  count: number,
  turns: boolean,
): Generator<Stretch> {
  const [sorted] = dealParts(lengths, [tokens], seed)
  let documents = 0
  for (const _ of sorted.rising()) documents++
  for (let layer = 0; layer < Math.min(count, documents); layer++) {
    const isTurned = turns && layer % 2 === 1
    // Counted from the hardest, the layer begins where its last document is.
    const first = isTurned ? (documents - 1 - layer) % count : layer
    const walk = isTurned ? sorted.falling() : sorted.rising()
    for (const places of inStretches(every(count, walk, first))) yield { phase: layer, places }
  }
}

function* every(step: number, places: Iterable<number>, first: number): Generator<number> {
  let left = first
  for (const place of places) {
    if (left-- > 0) continue
    yield place
    left = step - 1
  }
}
