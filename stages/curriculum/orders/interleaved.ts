import type { Order } from './order.ts'
import { inStretches } from './places.ts'
import { dealParts } from './deal-parts.ts'

/** The run in s segments of equal tokens, each a random part of the corpus from easy to hard; segment k is phase k. */
export const interleaved: Order = {
  summary: 'The run in segments, each a random part of the corpus from easy to hard.',
  formula: 'q = s·t − ⌊s·t⌋, of a random s-th of the documents',
  source: 'arXiv 2506.11300, interleaved curricula',
  defaults: { segments: 5 },
  *arrange(lengths, tokens, seed, { segments }) {
    const ends = Array.from({ length: segments }, (_, k) => ((k + 1) / segments) * tokens)
    let phase = 0
    for (const part of dealParts(lengths, ends, seed)) {
      for (const places of inStretches(part.rising())) yield { phase, places }
      phase++
    }
  },
}
