import fc from 'fast-check'
import type { OrderSettings, RankedCorpus } from '../../../../stages/curriculum/orders/order.ts'
import { type OrderName, orders } from '../../../../stages/curriculum/orders/orders.ts'
import { openShare, pacings } from '../../../../stages/training/schedules/pacing.ts'

const names = Object.keys(orders) as OrderName[]
const settings: OrderSettings = { groups: 4, pacing: 'linear', share: 0.3, until: 0.2 }

interface Placed {
  readonly document: number
  readonly phase: number
  /** Tokens before the document. */
  readonly start: number
}

function arrange(
  name: OrderName,
  corpus: RankedCorpus,
  tokens: number,
  seed = 1,
  changed: Partial<OrderSettings> = {},
) {
  const placed: Placed[] = []
  let start = 0
  for (const { documents, phase } of orders[name].arrange(corpus, tokens, seed, {
    ...settings,
    ...changed,
  })) {
    for (const document of documents) {
      placed.push({ document, phase, start })
      start += corpus.lengths[document]
    }
  }
  return { placed, documents: placed.map(({ document }) => document), tokens: start }
}

/** n documents of equal length, document i being the i-th easiest. */
function evenCorpus(documents: number, length = 10): RankedCorpus {
  return {
    lengths: new Uint32Array(documents).fill(length),
    ascending: Uint32Array.from({ length: documents }, (_, i) => i),
  }
}

/** At least as many documents as groups, in any order of difficulty, of any lengths. */
const anyCorpus = fc
  .array(fc.integer({ min: 1, max: 60 }), { minLength: 4, maxLength: 60 })
  .chain((lengths) =>
    fc.shuffledSubarray([...lengths.keys()], { minLength: lengths.length }).map((ascending) => ({
      lengths: Uint32Array.from(lengths),
      ascending: Uint32Array.from(ascending),
    })),
  )

const anySeed = fc.integer({ min: 0, max: 2 ** 32 - 1 })

function counts(documents: readonly number[], n: number): number[] {
  const count = new Array<number>(n).fill(0)
  for (const document of documents) count[document]++
  return count
}

const spread = (count: readonly number[]) => Math.max(...count) - Math.min(...count)

describe.each(names)('order %s', (name) => {
  it('covers its tokens, with no document more than that takes, in phases that only rise', () => {
    fc.assert(
      fc.property(anyCorpus, fc.integer({ min: 1, max: 5000 }), anySeed, (corpus, tokens, seed) => {
        const { placed, tokens: covered } = arrange(name, corpus, tokens, seed)
        expect(covered).toBeGreaterThanOrEqual(tokens)
        expect(covered - Math.max(...corpus.lengths)).toBeLessThan(tokens)
        expect(placed.every(({ phase }, i) => i === 0 || phase >= placed[i - 1].phase)).toBe(true)
      }),
      { seed: 1 },
    )
  })

  it('is the same for a seed and another one for another seed', () => {
    const corpus = evenCorpus(200)
    const half = 1000
    expect(arrange(name, corpus, half, 5)).toEqual(arrange(name, corpus, half, 5))
    expect(arrange(name, corpus, half, 5).documents).not.toEqual(arrange(name, corpus, half, 6).documents)
  })
})

describe.each(['random', 'ascending', 'descending'] as const)('order %s', (name) => {
  it('repeats no document before every other has come as often', () => {
    fc.assert(
      fc.property(anyCorpus, fc.integer({ min: 1, max: 5000 }), anySeed, (corpus, tokens, seed) => {
        const { documents } = arrange(name, corpus, tokens, seed)
        const n = corpus.lengths.length
        for (let first = 0; first + n <= documents.length; first += n) {
          expect(new Set(documents.slice(first, first + n)).size).toBe(n)
        }
        expect(spread(counts(documents, n))).toBeLessThanOrEqual(1)
      }),
      { seed: 1 },
    )
  })

  it('draws what a short budget takes uniformly from all difficulties', () => {
    const n = 50
    const drawn = new Array<number>(n).fill(0)
    const seeds = 2000
    for (let seed = 0; seed < seeds; seed++) {
      for (const document of arrange(name, evenCorpus(n), 200, seed).documents) drawn[document]++
    }
    // 20 of 50 documents a seed; binomial, standard deviation 22.
    const expected = (seeds * 20) / n
    for (const count of drawn)
      expect(Math.abs(count - expected)).toBeLessThan(4.5 * Math.sqrt(expected * 0.6))
  })
})

describe.each([
  ['ascending', 1],
  ['descending', -1],
] as const)('order %s', (name, direction) => {
  it('never turns back within a pass', () => {
    fc.assert(
      fc.property(anyCorpus, fc.integer({ min: 1, max: 5000 }), anySeed, (corpus, tokens, seed) => {
        const { documents } = arrange(name, corpus, tokens, seed)
        const n = corpus.lengths.length
        const difficulty = documents.map((document) => direction * corpus.ascending.indexOf(document))
        expect(difficulty.every((hard, i) => i % n === 0 || hard > difficulty[i - 1])).toBe(true)
      }),
      { seed: 1 },
    )
  })
})

describe('order random', () => {
  it('does not depend on difficulty', () => {
    const { lengths, ascending } = evenCorpus(100)
    const turned = { lengths, ascending: ascending.toReversed() }
    expect(arrange('random', turned, 2500)).toEqual(arrange('random', { lengths, ascending }, 2500))
  })
})

describe.each(pacings)('order phases with %s pacing', (pacing) => {
  // Equal lengths, so that document i of n belongs to group floor(i · g / n).
  const groups = 5
  const corpus = evenCorpus(100)
  const group = (document: number) => Math.floor((document * groups) / 100)
  const budgets = fc.integer({ min: 50, max: 6000 })

  it('deals at any progress from the groups that are open then, and only from them', () => {
    fc.assert(
      fc.property(budgets, anySeed, (tokens, seed) => {
        const { placed } = arrange('phases', corpus, tokens, seed, { groups, pacing })
        const open = (start: number) =>
          Math.min(groups, Math.floor(groups * openShare(pacing, start / tokens) + 1e-9) + 1)
        expect(placed.every(({ document, phase }) => group(document) <= phase)).toBe(true)
        expect(placed.every(({ phase, start }) => phase === open(start) - 1)).toBe(true)
      }),
      { seed: 1 },
    )
  })

  it('treats the documents of a group alike at any time', () => {
    fc.assert(
      fc.property(budgets, anySeed, fc.double({ min: 0, max: 1, noNaN: true }), (tokens, seed, until) => {
        const { documents } = arrange('phases', corpus, tokens, seed, { groups, pacing })
        const count = counts(documents.slice(0, Math.ceil(until * documents.length)), 100)
        for (let g = 0; g < groups; g++)
          expect(spread(count.slice(g * 20, (g + 1) * 20))).toBeLessThanOrEqual(1)
      }),
      { seed: 1 },
    )
  })

  it('deals open documents in turn once all groups are open', () => {
    const { placed } = arrange('phases', corpus, 20_000, 3, { groups, pacing })
    const last = placed.filter(({ phase }) => phase === groups - 1).map(({ document }) => document)
    expect(spread(counts(last.slice(-300), 100))).toBeLessThanOrEqual(2)
    expect(spread(counts(last, 100))).toBeLessThanOrEqual(2)
  })
})

describe('order phases', () => {
  it('reads every document once where linear pacing covers the corpus once', () => {
    const { documents } = arrange('phases', evenCorpus(100), 1000, 1, { groups: 5 })
    expect([...documents].sort((a, b) => a - b)).toEqual([...Array(100).keys()])
  })

  it('cuts groups of equal tokens, not of equal numbers of documents', () => {
    // The ten hardest documents hold half of the tokens.
    const lengths = Uint32Array.from({ length: 100 }, (_, i) => (i < 90 ? 10 : 90))
    const { placed } = arrange('phases', { ...evenCorpus(100), lengths }, 1800, 1, { groups: 2 })
    const first = placed.filter(({ phase }) => phase === 0).map(({ document }) => document)
    expect(first.sort((a, b) => a - b)).toEqual([...Array(90).keys()])
  })

  it('gives every group a document, however unequal their lengths', () => {
    const lengths = Uint32Array.of(1, 1, 1, 1000)
    const { placed } = arrange('phases', { ...evenCorpus(4), lengths }, 1e6, 1, { groups: 4 })
    for (const phase of [0, 1, 2, 3]) {
      const dealt = placed.filter((document) => document.phase === phase).map(({ document }) => document)
      expect(new Set(dealt).size).toBe(phase + 1)
    }
  })
})

describe('order warm-up', () => {
  it('deals from the easiest share alone until its time, then from everything', () => {
    fc.assert(
      fc.property(fc.integer({ min: 50, max: 6000 }), anySeed, (tokens, seed) => {
        const { placed } = arrange('warm-up', evenCorpus(100), tokens, seed, { share: 0.3, until: 0.25 })
        const easy = placed.filter(({ start }) => start < 0.25 * tokens)
        const rest = placed.slice(easy.length)
        expect(easy.every(({ document, phase }) => document < 30 && phase === 0)).toBe(true)
        expect(rest.every(({ phase }) => phase === 1)).toBe(true)
        expect(
          spread(
            counts(
              easy.map(({ document }) => document),
              30,
            ),
          ),
        ).toBeLessThanOrEqual(1)
        expect(
          spread(
            counts(
              rest.map(({ document }) => document),
              100,
            ),
          ),
        ).toBeLessThanOrEqual(1)
      }),
      { seed: 1 },
    )
  })
})
