import fc from 'fast-check'
import type { z } from 'zod'
import { seededRandom } from '../../../stages/seeded-random.ts'
import { ohem } from '../../../stages/training/ohem.ts'
import type { Batch } from '../../../stages/training/messages.ts'
import { descending } from '../../../stages/training/selection/descending.ts'
import { choiceBy, type RuleSettings } from '../../../stages/training/selection/rules.ts'
import { sample } from '../../../stages/training/selection/sample.ts'
import { selectionOf } from '../../../stages/training/selection/select.ts'

const [rows, length] = [4, 10]

function batchOf(change: Partial<Batch> = {}): Batch {
  return {
    step: 0,
    steps: 10,
    rows,
    length,
    tokens: Int32Array.from({ length: rows * (length + 1) }, (_, i) => i),
    documents: new Int32Array(rows * (length + 1)),
    hardness: new Float32Array(rows),
    phases: new Int32Array(rows),
    corpus: { shards: 'shards', vocabulary: 100, endOfText: 0 },
    stream: 'of numbers',
    ...change,
  }
}

/** Losses from 0.1 to 4, the hardest tokens first. */
const falling = Float32Array.from({ length: rows * length }, (_, i) => 4 - i / 10)

function selectionBy(
  change: Partial<RuleSettings>,
  keep: number,
  batch = batchOf(),
  losses: Float32Array = falling,
) {
  const settings: RuleSettings = {
    granularity: 'token',
    rule: 'top-k',
    dropHardest: 0.05,
    power: 1,
    seed: 1,
    ...change,
  }
  return selectionOf(losses, batch, { keep, granularity: settings.granularity, ...choiceBy(settings) })
}
const range = (from: number, to: number) => Int32Array.from({ length: to - from }, (_, i) => from + i)

test('scores fall in the order of their indices, and equal ones keep theirs', () => {
  fc.assert(
    fc.property(fc.array(fc.float({ noNaN: true }).map((x) => x + 0)), (values) => {
      const scores = Float32Array.from(values)
      const expected = [...scores.keys()].sort((a, b) =>
        scores[a] === scores[b] ? a - b : scores[b] > scores[a] ? 1 : -1,
      )
      expect([...descending(scores)]).toEqual(expected)
    }),
  )
})

test('a band leaves the hardest out and keeps those behind them', () => {
  const selection = selectionBy({ rule: 'band', dropHardest: 0.1 }, 0.25)
  expect(selection.tokens).toEqual(range(4, 14))
  expect(selection.weights).toEqual(new Float32Array(10).fill(0.1))
  expect(selection).toMatchObject({ keptFraction: 0.25, threshold: falling[13] })
})

test('a band that is wider than what is left keeps what there is, and never nothing', () => {
  expect(selectionBy({ rule: 'band', dropHardest: 0.1 }, 1).tokens).toEqual(range(4, 40))
  expect(selectionBy({ rule: 'band', dropHardest: 0.99 }, 0.5).tokens).toEqual(range(39, 40))
  expect(selectionBy({ rule: 'band', dropHardest: 0.999, granularity: 'sequence' }, 1).rows).toEqual(
    range(3, 4),
  )
})

test('no document has more than its share of the kept tokens, and the next hardest take the places', () => {
  // The hardest twelve tokens are those of document 7, whose first token is only an input.
  const documents = Int32Array.from({ length: rows * (length + 1) }, (_, i) => (i < 14 ? 7 : 30 + (i >> 2)))
  const selection = selectionBy({ documentCap: 0.3 }, 0.25, batchOf({ documents }))
  // Three of ten at most: document 34 has tokens 13 and 14, and the others four each or three.
  const targets = Array.from(
    selection.tokens as Int32Array,
    (target) => target + Math.floor(target / length) + 1,
  )
  expect(targets.map((i) => documents[i])).toEqual([7, 7, 7, 33, 33, 34, 34, 34, 35, 35])
  expect(selection.keptFraction).toBe(0.25)
})

test('fewer are kept where documents are too few for their shares', () => {
  const selection = selectionBy({ documentCap: 0.1 }, 0.5)
  expect(selection.tokens).toEqual(range(0, 2))
  expect(selection.weights).toEqual(new Float32Array(2).fill(0.5))
  expect(selectionBy({ documentCap: 0.001 }, 1).tokens).toEqual(range(0, 1))
})

test('shares are counted in decimal numbers', () => {
  // In binary 0.29 · 100 is below 29, and 0.145 · 100 below the half that is rounded up.
  const hundred = batchOf({ rows: 10, tokens: range(0, 110), documents: new Int32Array(110) })
  const losses = Float32Array.from({ length: 100 }, (_, i) => 100 - i)
  const kept = (change: Partial<RuleSettings>, keep: number) =>
    selectionBy(change, keep, hundred, losses).tokens
  expect(kept({ rule: 'band', dropHardest: 0.29 }, 1)).toEqual(range(29, 100))
  expect(kept({ documentCap: 0.29 }, 1)).toEqual(range(0, 29))
  expect(kept({}, 0.145)).toEqual(range(0, 15))
})

test('a sequence counts for the document that most of its targets belong to', () => {
  // Rows: all of 1; two targets of 1 and eight of 2; five of 2, then five of 3; all of 3.
  const owners = ['11111111111', '11122222222', '22222233333', '33333333333'].join('')
  const documents = Int32Array.from(owners, Number)
  const rule = { granularity: 'sequence', documentCap: 0.5 } as const
  expect(selectionBy(rule, 0.5, batchOf({ documents })).rows).toEqual(Int32Array.of(0, 1))
  expect(selectionBy(rule, 0.75, batchOf({ documents })).rows).toEqual(Int32Array.of(0, 1, 3))
})

test('a document that comes twice in a step counts as one', () => {
  // Documents 0 and 2 of the order are the same row of the shards; document 1 is the same row of another part.
  const places = { parts: Uint32Array.of(1, 0, 1, 1), rows: Uint32Array.of(5, 5, 5, 6) }
  const owners = ['00000000000', '22222222222', '11111111111', '33333333333'].join('')
  const batch = batchOf({ places, documents: Int32Array.from(owners, Number) })
  expect(selectionBy({ granularity: 'sequence', documentCap: 0.5 }, 0.5, batch).rows).toEqual(
    Int32Array.of(0, 2),
  )
  expect(selectionBy({ documentCap: 0.25 }, 0.5, batch).tokens).toEqual(
    Int32Array.from([...range(0, 5), ...range(20, 25), ...range(30, 35)]),
  )
})

test('a sequence that holds a document twice counts for it by the targets of both', () => {
  const places = { parts: new Uint32Array(5), rows: Uint32Array.of(7, 8, 7, 9, 9) }
  // Row 0 has three targets of the first document, four of the second, and three of the first once more.
  const owners = ['00001111222', '00000000000', '33333333333', '44444444444'].join('')
  const batch = batchOf({ places, documents: Int32Array.from(owners, Number) })
  const by = (keep: number) => selectionBy({ granularity: 'sequence', documentCap: 0.25 }, keep, batch).rows
  expect(by(0.5)).toEqual(Int32Array.of(0, 2))
})

test('a token after the same seven tokens is kept as often as allowed', () => {
  // Rows 0 and 2 are equal, so that three of their targets end the same eight tokens; row 3 begins like them but for its first token.
  const row = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]
  const tokens = Int32Array.from([row, range(20, 31), row, [99, ...row.slice(1)]].flatMap((x) => [...x]))
  const kept = (repeatCap: number) => [
    ...(selectionBy({ repeatCap }, 1, batchOf({ tokens })).tokens ?? range(0, 40)),
  ]
  const left = (repeatCap: number) => [...range(0, 40)].filter((i) => !kept(repeatCap).includes(i))
  // Targets 6 to 9 of a row end eight tokens; those of row 3 the same eight from target 7 on.
  expect(left(1)).toEqual([26, 27, 28, 29, 37, 38, 39])
  expect(left(2)).toEqual([37, 38, 39])
  expect(left(3)).toEqual([])
})

test('a sequence of equal tokens is kept as often as allowed, and the next hardest takes its place', () => {
  const row = [...range(0, 11)]
  const tokens = Int32Array.from([row, row, row, range(20, 31)].flatMap((x) => [...x]))
  const by = (repeatCap: number) =>
    selectionBy({ granularity: 'sequence', repeatCap }, 0.5, batchOf({ tokens }))
  expect(by(1).rows).toEqual(Int32Array.of(0, 3))
  expect(by(2).rows).toEqual(Int32Array.of(0, 1))
})

describe('a document that several sequences hold at different offsets', () => {
  const wide = 20
  /** Rows of 21 tokens, the hardest first. */
  const kept = (repeatCap: number, texts: readonly (readonly number[])[], keep = 1) => {
    const tokens = Int32Array.from(texts.flat())
    const change = { rows: texts.length, length: wide, tokens, documents: new Int32Array(tokens.length) }
    const losses = Float32Array.from({ length: texts.length * wide }, (_, i) => texts.length * wide - i)
    const settings = { granularity: 'sequence', repeatCap } as const
    return selectionBy(settings, keep, batchOf(change), losses).rows
  }
  const document = [...range(100, 140)]
  const other = (from: number, count: number) => [...range(from, from + count)]
  const start = document.slice(0, 21)

  test('is kept as often as allowed, and the next hardest takes the place', () => {
    const shifted = [...other(200, 5), ...document.slice(0, 16)]
    const later = [...document.slice(1, 19), ...other(300, 3)]
    const texts = [start, shifted, later, other(400, 21)]
    expect(kept(1, texts)).toEqual(Int32Array.of(0, 3))
    expect(kept(1, texts, 0.5)).toEqual(Int32Array.of(0, 3))
    expect(kept(2, texts)).toEqual(Int32Array.of(0, 1, 3))
    expect(kept(3, texts)).toBeUndefined()
  })

  test('is known where each of several kept sequences has a part of it', () => {
    const end = [...other(500, 3), ...document.slice(16, 34)]
    expect(kept(1, [start, end, document.slice(8, 29)])).toEqual(Int32Array.of(0, 1))
  })

  test('does not count where less than half of a sequence is of it', () => {
    // Of fourteen runs of eight tokens eight are of the document, then seven.
    expect(kept(1, [start, [...document.slice(0, 15), ...other(200, 6)]])).toEqual(Int32Array.of(0))
    expect(kept(1, [start, [...document.slice(0, 14), ...other(200, 7)]])).toBeUndefined()
  })

  test('counts once for a sequence that repeats itself', () => {
    const refrain = [...other(1, 7), ...other(1, 7), ...other(1, 7)]
    expect(kept(2, [refrain, [...refrain.slice(1), 1], refrain])).toEqual(Int32Array.of(0, 1))
  })

  test('is all that is left out: unlike sequences are kept, frequent tokens or not', () => {
    const random = seededRandom(4)
    const texts = Array.from({ length: 64 }, () => Array.from({ length: 21 }, () => random() % 6))
    expect(kept(1, texts)).toBeUndefined()
  })
})

test('sequences shorter than a run of eight tokens repeat each other where they are equal', () => {
  const tokens = Int32Array.of(1, 2, 3, 4, 1, 2, 3, 4, 2, 3, 4, 1)
  const short = batchOf({ rows: 3, length: 3, tokens, documents: new Int32Array(12) })
  const losses = falling.slice(0, 9)
  expect(selectionBy({ granularity: 'sequence', repeatCap: 1 }, 1, short, losses).rows).toEqual(
    Int32Array.of(0, 2),
  )
  expect(selectionBy({ granularity: 'token', repeatCap: 1 }, 1, short, losses).tokens).toBeUndefined()
})

describe('a sample', () => {
  const random = seededRandom(5)
  const uniform = () => random() / 2 ** 32
  const values = Float32Array.from({ length: 60 }, () => -3 * Math.log(uniform() + 1e-6))
  const mean = values.reduce((a, b) => a + b) / values.length

  test.each([0, 0.5, 1, 2])(
    'at power %d has a weighted sum that is the mean over all, on average',
    (power) => {
      const draws = 4000
      // Scores have little to do with the values, and some are zero.
      const scores = values.map((value, i) => (i % 7 === 0 ? 0 : (i % 5) + value / 4))
      let [total, squares] = [0, 0]
      const counts = new Float64Array(values.length)
      const expected = new Float64Array(values.length)
      for (let seed = 0; seed < draws; seed++) {
        const { items, weights } = sample(scores, 12, power, seededRandom(seed))
        expect(items).toHaveLength(12)
        let estimate = 0
        items.forEach((item, i) => {
          estimate += weights[i] * values[item]
          counts[item]++
          expected[item] = 1 / (values.length * weights[i])
        })
        total += estimate
        squares += estimate * estimate
      }
      const average = total / draws
      const error = Math.sqrt((squares / draws - average ** 2) / draws)
      expect(Math.abs(average - mean)).toBeLessThan(4 * error)
      // Each item comes as often as its weight says.
      counts.forEach((count, i) => {
        if (count < 100) return
        const deviation = Math.sqrt((expected[i] * (1 - expected[i])) / draws)
        expect(Math.abs(count / draws - expected[i])).toBeLessThan(5 * deviation + 1e-6)
      })
    },
  )

  test('draws in proportion to the scores, and what would come more than once comes always', () => {
    const scores = Float32Array.from([100, 1, 2, 3, 1, 1])
    const { items, weights } = sample(scores, 3, 1, seededRandom(1))
    expect(items).toContain(0)
    expect(weights[0]).toBeCloseTo(1 / 6, 6)
    const draws = 8000
    const counts = new Float64Array(6)
    for (let seed = 0; seed < draws; seed++) {
      for (const item of sample(scores, 3, 1, seededRandom(seed)).items) counts[item]++
    }
    // Two places for scores 1, 2, 3, 1, 1, but for an even hundredth, which weighs more beside a score of 100.
    expect(counts[0]).toBe(draws)
    expect(counts[3]).toBeGreaterThan(counts[2])
    expect(counts[2]).toBeGreaterThan(1.5 * counts[1])
  })

  test('of equal scores, or of none, is an even one', () => {
    for (const scores of [new Float32Array(50), new Float32Array(50).fill(3)]) {
      const { weights } = sample(scores, 10, 2, seededRandom(3))
      weights.forEach((weight) => expect(weight).toBeCloseTo(0.1, 6))
    }
  })

  test.each([0, 0.5, 1, 2])(
    'takes a score that rounding left below zero for one of zero, at power %d',
    (power) => {
      const of = (least: number) => sample(Float32Array.of(3, least, 1, 2, least), 3, power, seededRandom(2))
      expect(of(-1e-7)).toEqual(of(0))
      expect([...of(-1e-7).weights].every((weight) => weight > 0 && Number.isFinite(weight))).toBe(true)
    },
  )

  test('is the same for a seed and a step, and another for another of either', () => {
    const tokens = (seed: number, step: number) => [
      ...(selectionBy({ rule: 'sample', seed }, 0.25, batchOf({ step })).tokens as Int32Array),
    ]
    expect(tokens(1, 3)).toEqual(tokens(1, 3))
    expect(tokens(1, 3)).not.toEqual(tokens(1, 4))
    expect(tokens(1, 3)).not.toEqual(tokens(2, 3))
  })

  test.each(['token', 'sequence'] as const)(
    'by %s gives a loss that is the mean of all, on average',
    (granularity) => {
      const losses = Float32Array.from({ length: rows * length }, () => -Math.log(uniform() + 1e-6))
      const all = losses.reduce((a, b) => a + b) / losses.length
      const draws = 3000
      let [total, squares] = [0, 0]
      for (let seed = 0; seed < draws; seed++) {
        const {
          tokens,
          rows: kept,
          weights,
          threshold,
        } = selectionBy({ rule: 'sample', seed, granularity }, 0.5, batchOf(), losses)
        expect(threshold).toBeNull()
        const indices =
          tokens ??
          Int32Array.from(kept as Int32Array).reduce<number[]>(
            (list, row) => [...list, ...range(row * length, (row + 1) * length)],
            [],
          )
        expect(weights).toHaveLength(indices.length)
        const estimate = weights.reduce((sum, weight, i) => sum + weight * losses[indices[i]], 0)
        total += estimate
        squares += estimate ** 2
      }
      const average = total / draws
      expect(Math.abs(average - all)).toBeLessThan(
        4 * Math.sqrt((squares / draws - average ** 2) / draws) + 1e-6,
      )
    },
  )

  test('at keep ratio 1 is everything', () => {
    const { rows: kept, tokens, weights, keptFraction } = selectionBy({ rule: 'sample' }, 1)
    expect([kept, tokens, keptFraction]).toEqual([undefined, undefined, 1])
    expect(weights).toEqual(new Float32Array(40).fill(1 / 40))
  })
})

test.each<[z.input<typeof ohem.options>, RegExp]>([
  [{ keep: 0.5, criterion: 'excess' }, /`excess` needs a `reference`/],
  [{ keep: 0.5, reference: 'runs/first' }, /only the criterion `excess` compares/],
  [{ keep: 0.5, criterion: 'excess', reference: 'r', rule: 'sample' }, /scores of at least zero/],
  [{ keep: 0.5, 'drop-hardest': 0.1 }, /only the rule `band` drops the hardest/],
  [{ keep: 0.5, rule: 'band', 'drop-hardest': 1 }, /drop-hardest/],
  [{ keep: 0.5, power: 2 }, /only the rule `sample` raises scores/],
  [{ keep: 0.5, rule: 'sample', 'document-cap': 0.1 }, /weights of `sample` stand for all items/],
  [{ keep: 0.5, rule: 'sample', 'repeat-cap': 1 }, /weights of `sample` stand for all items/],
  [{ keep: 0.5, 'document-cap': 1.5 }, /document-cap/],
  [{ keep: 0.5, 'repeat-cap': 0 }, /repeat-cap/],
])('options that do not fit each other are refused: %j', (options, message) => {
  const { error } = ohem.options.safeParse(options)
  expect(error?.issues.map(({ path, message }) => `${path.join('.')}: ${message}`).join('\n')).toMatch(
    message,
  )
})

test('options that fit each other are taken', () => {
  for (const options of [
    { keep: 'release' },
    { keep: 0.5, criterion: 'excess', reference: 'runs/first', rule: 'band', 'drop-hardest': 0.1 },
    { keep: 0.5, criterion: 'gradient-norm', rule: 'sample', power: 0, seed: 3 },
    { keep: 0.5, granularity: 'token', 'document-cap': 0.1, 'repeat-cap': 1 },
  ]) {
    expect(ohem.options.safeParse(options).error).toBeUndefined()
  }
})
