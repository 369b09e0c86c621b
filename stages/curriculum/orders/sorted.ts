import { dealParts } from './deal-parts.ts'
import type { Lengths, Order, Stretch } from './order.ts'
import { inStretches, type Places } from './places.ts'
import { totalSize } from './quantiles.ts'

export const ascending: Order = {
  summary: 'From the easiest to the hardest; each pass anew.',
  formula: 'q = t in each pass',
  source: 'Bengio et al. 2009 (10.1145/1553374.1553380)',
  defaults: {},
  arrange: (lengths, tokens, seed) => sorted(lengths, tokens, seed, (pass) => pass.rising()),
}

export const descending: Order = {
  summary: 'From the hardest to the easiest; each pass anew.',
  formula: 'q = 1 − t in each pass',
  source: 'the anti-curriculum of arXiv 2012.03107',
  defaults: {},
  arrange: (lengths, tokens, seed) => sorted(lengths, tokens, seed, (pass) => pass.falling()),
}

/** A pass that the budget cuts short takes a random part of the corpus: it spans all difficulties, like a whole one. */
function* sorted(
  lengths: Lengths,
  tokens: number,
  seed: number,
  walk: (pass: Places) => Iterable<number>,
): Generator<Stretch> {
  const whole = totalSize(lengths, 'tokens')
  for (let left = tokens; left > 0; left -= whole) {
    const [pass] = dealParts(lengths, [Math.min(left, whole)], seed)
    for (const places of inStretches(walk(pass))) yield { phase: 0, places }
  }
}
