import fc from 'fast-check'
import type { OrderSettings } from '../../../../stages/curriculum/orders/order.ts'
import { type OrderName, orders } from '../../../../stages/curriculum/orders/orders.ts'
import { openShare, pacings } from '../../../../stages/training/schedules/pacing.ts'

const names = Object.keys(orders) as OrderName[]
const settings: OrderSettings = {
  groups: 4,
  pacing: 'linear',
  by: 'tokens',
  share: 0.3,
  until: 0.2,
  segments: 4,
  peak: 0.45,
  cycles: 2,
  alpha: 0.5,
  abilities: [-2, 2],
  band: 0.2,
}

/** Documents in the order of a corpus. */
interface RankedCorpus {
  /** `[n]` tokens of each. */
  readonly lengths: Uint32Array
  /** `[n]` from the easiest to the hardest. */
  readonly ascending: Uint32Array
}

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
  const order = orders[name]
  const atPlace = 'ignoresDifficulty' in order ? corpus.ascending.toSorted() : corpus.ascending
  const lengths = atPlace.map((document) => corpus.lengths[document])
  for (const { places, phase } of order.arrange(lengths, tokens, seed, { ...settings, ...changed })) {
    for (const place of places) {
      const document = atPlace[place]
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

describe('order growth', () => {
  it.each(pacings)(
    'deals at any progress from the share that %s pacing has opened, and only from it',
    (pacing) => {
      fc.assert(
        fc.property(fc.integer({ min: 500, max: 6000 }), anySeed, (tokens, seed) => {
          const { placed } = arrange('growth', evenCorpus(100), tokens, seed, {
            pacing,
            share: 0.1,
            until: 0.8,
          })
          const isRight = ({ document, start, phase }: Placed) => {
            const t = start / tokens
            // A document that the pool's edge cuts is in it.
            const open = t < 0.8 ? Math.ceil(10 + 90 * openShare(pacing, t / 0.8) + 1e-9) : 100
            // The pool is looked at 1024 times a run.
            return document < open && (phase === (t < 0.8 ? 0 : 1) || Math.abs(t - 0.8) < 1 / 1024)
          }
          expect(placed.every(isRight)).toBe(true)
        }),
        { seed: 1 },
      )
    },
  )

  it('measures the pool in documents or in tokens, as it is told', () => {
    // The 90 easiest of 100 documents hold half of the tokens.
    const lengths = Uint32Array.from({ length: 100 }, (_, i) => (i < 90 ? 10 : 90))
    const corpus = { ...evenCorpus(100), lengths }
    const hardestBefore = (by: 'tokens' | 'documents') => {
      const { placed } = arrange('growth', corpus, 36_000, 1, {
        by,
        share: 0.5,
        until: 1,
        pacing: 'quadratic',
      })
      return Math.max(...placed.filter(({ start }) => start < 360).map(({ document }) => document))
    }
    expect(hardestBefore('tokens')).toBeGreaterThan(80)
    expect(hardestBefore('documents')).toBeLessThan(51)
  })

  it('repeats no document before every other one in the pool has come as often', () => {
    const { placed } = arrange('growth', evenCorpus(100), 3000, 1, { share: 0.5, until: 0.5 })
    const last = placed.filter(({ phase }) => phase === 1).map(({ document }) => document)
    expect(spread(counts(last, 100))).toBeLessThanOrEqual(2)
  })
})

/** Eight documents of one length, read as often as a row of the table says; worked out with pencil and paper. */
describe('orders by hand', () => {
  const eight = evenCorpus(8)
  const of = (name: OrderName, passes: number, changed: Partial<OrderSettings> = {}) =>
    arrange(name, eight, passes * 80, 1, changed).documents

  it('folding takes S[0::3], S[1::3] and S[2::3]', () => {
    expect(of('folding', 1, { segments: 3 })).toEqual([0, 3, 6, 1, 4, 7, 2, 5])
  })

  it('folding of two passes: S is 0 0 1 1 … 7 7, so both layers of two are a pass', () => {
    const pass = [0, 1, 2, 3, 4, 5, 6, 7]
    expect(of('folding', 2, { segments: 2 })).toEqual([...pass, ...pass])
  })

  it('zigzag reverses the odd layers', () => {
    expect(of('zigzag', 1, { segments: 3 })).toEqual([0, 3, 6, 7, 4, 1, 2, 5])
  })

  it('interleaved segments are each from easy to hard, and together a pass', () => {
    const documents = of('interleaved', 1, { segments: 2 })
    const halves = [documents.slice(0, 4), documents.slice(4)]
    for (const half of halves) expect(half).toEqual([...half].sort())
    expect([...documents].sort()).toEqual([0, 1, 2, 3, 4, 5, 6, 7])
  })

  it('cyclical pools of 1/4, 1/2, 1, 1/2, twice: 2, 4, 8, 4 documents, each pool read once in 4.5 passes', () => {
    const { placed } = arrange('cyclical', eight, 4.5 * 80, 1, { share: 0.25, alpha: 0.5, cycles: 2 })
    const pools = [0, 1, 2, 3, 4, 5, 6, 7].map((pool) =>
      placed.filter(({ phase }) => phase === pool).map(({ document }) => document),
    )
    expect(pools.map((pool) => pool.length)).toEqual([2, 4, 8, 4, 2, 4, 8, 4])
    for (const pool of pools) expect([...pool].sort()).toEqual([...pool.keys()])
  })

  it('warm-up reads the easiest quarter twice in the first fifth of 2.5 passes, then all but a bit', () => {
    const { placed } = arrange('warm-up', eight, 200, 1, { share: 0.25, until: 0.2 })
    expect(
      placed
        .slice(0, 4)
        .map(({ document }) => document)
        .sort(),
    ).toEqual([0, 0, 1, 1])
    expect(
      placed
        .slice(4, 12)
        .map(({ document }) => document)
        .sort(),
    ).toEqual([0, 1, 2, 3, 4, 5, 6, 7])
  })
})

describe('order tent', () => {
  it('rises, turns once and falls, and reads a corpus once in one pass', () => {
    fc.assert(
      fc.property(
        anyCorpus,
        anySeed,
        fc.double({ min: 0.1, max: 0.9, noNaN: true }),
        (corpus, seed, peak) => {
          const tokens = corpus.lengths.reduce((sum, length) => sum + length, 0)
          const { placed } = arrange('tent', corpus, tokens, seed, { peak })
          const place = placed.map(({ document, phase }) => [corpus.ascending.indexOf(document), phase])
          for (let i = 1; i < place.length; i++) {
            const [[before, way], [at, phase]] = [place[i - 1], place[i]]
            if (way === phase) expect(phase === 0 ? at > before : at < before).toBe(true)
          }
          expect(place.map(([at]) => at).sort((a, b) => a - b)).toEqual([...corpus.ascending.keys()])
        },
      ),
      { seed: 1 },
    )
  })

  /** By hand: 0.45 · 0.5 = 0.225 is half way up, 0.45 + 0.55 / 2 = 0.725 half way down. */
  it.each([
    [0.045, 0.1],
    [0.225, 0.5],
    [0.405, 0.9],
    [0.505, 0.9],
    [0.725, 0.5],
    [0.945, 0.1],
  ])('is at progress %d near the quantile %d', (progress, quantile) => {
    const { documents } = arrange('tent', evenCorpus(20_000), 200_000)
    expect(documents[Math.round(progress * 20_000)] / 20_000).toBeCloseTo(quantile, 1.5)
  })
})

describe('orders by ability', () => {
  // By hand: σ(−ln 3) = 1/4, σ(0) = 1/2 and σ(ln 3) = 3/4, so that a quarter, a half and three quarters of 100 are open.
  const rising = [-Math.log(3), 0, Math.log(3)]
  it.each([
    [0, 25],
    [0.5, 50],
    [63 / 64, 74],
  ])('ability opens at progress %d the easiest %d of 100 documents', (t, open) => {
    const { placed } = arrange('ability', evenCorpus(100), 64_000, 1, { abilities: rising, share: 0.01 })
    const now = placed.filter(({ start }) => start >= t * 64_000 && start < t * 64_000 + 1000)
    expect(Math.max(...now.map(({ document }) => document))).toBe(open - 1)
    expect(
      spread(
        counts(
          now.map(({ document }) => document),
          open,
        ),
      ),
    ).toBeLessThanOrEqual(2)
  })

  it('a pool that has its easiest share has no less, however low the ability', () => {
    const { documents } = arrange('ability', evenCorpus(100), 3000, 1, { abilities: [-50], share: 0.15 })
    expect([...new Set(documents)].sort((a, b) => a - b)).toEqual([...Array(15).keys()])
    expect(spread(counts(documents, 15))).toBe(0)
  })

  // |p − 1/2| ≤ 1/4 at ability 0 is a difficulty between −ln 3 and ln 3, quantiles 1/4 to 3/4. At ability 2 ln 3 it is one
  // between ln 3 and 3 ln 3, quantiles 3/4 to 27/28, 96 of 100.
  it.each([
    [[0], 25, 75],
    [[2 * Math.log(3)], 75, 96],
    [[60], 90, 100],
    [[-60], 0, 10],
  ])('ability-band at ability %j reads documents %d to %d of 100', (abilities, first, end) => {
    const { documents } = arrange('ability-band', evenCorpus(100), 5000, 1, {
      abilities,
      band: 0.25,
      share: 0.1,
    })
    expect([...new Set(documents)].sort((a, b) => a - b)).toEqual([...Array(100).keys()].slice(first, end))
  })

  it('a band that moves reads what is in it, and in a pass no document twice', () => {
    const { placed } = arrange('ability-band', evenCorpus(1000), 10_000, 1, {
      abilities: [-3, 3],
      band: 0.1,
      share: 0.001,
    })
    // ±ln(0.6/0.4) = ±0.405 about the ability at the last of 64 looks.
    for (const { document, start } of placed) {
      const ability = -3 + (6 * Math.floor((64 * start) / 10_000)) / 64
      const [low, high] = [ability - 0.406, ability + 0.406].map((b) => 1000 / (1 + Math.exp(-b)))
      expect(document).toBeGreaterThanOrEqual(Math.floor(low) - 1)
      expect(document).toBeLessThanOrEqual(Math.ceil(high))
    }
    expect(new Set(placed.slice(400, 600).map(({ document }) => document)).size).toBe(200)
  })
})

describe('the orders of a fixed corpus', () => {
  /** A change of any of these needs a new version of the stage: the shuffles of all machines must agree. */
  it.each<[OrderName, number[]]>([
    ['random', [3, 2, 9, 11, 1, 4, 10, 8]],
    ['ascending', [1, 2, 3, 4, 8, 9, 10, 11]],
    ['descending', [11, 10, 9, 8, 4, 3, 2, 1]],
    ['phases', [0, 2, 3, 5, 1, 7, 9, 11]],
    ['growth', [3, 2, 1, 9, 6, 11, 0, 10]],
    ['warm-up', [3, 2, 1, 5, 11, 9, 4, 3]],
    ['interleaved', [2, 3, 9, 11, 1, 4, 8, 10]],
    ['tent', [1, 2, 3, 8, 11, 10, 9, 4]],
    ['cyclical', [3, 1, 3, 8, 1, 6, 6, 5]],
    ['folding', [1, 8, 2, 9, 3, 10, 4, 11]],
    ['zigzag', [1, 8, 9, 2, 3, 10, 11, 4]],
    ['ability', [0, 2, 1, 3, 5, 4, 7, 8]],
    ['ability-band', [0, 3, 4, 2, 6, 7, 9, 10]],
  ])('%s is the same on every machine', (name, expected) => {
    expect(arrange(name, evenCorpus(12), 80, 7).documents).toEqual(expected)
  })
})
