import type { StepRecord } from '../../../schemas/run-record.ts'
import type { Batch, Forwarded, Selection } from '../../../stages/training/messages.ts'
import { sLoss, weighted } from '../../../stages/training/s-loss.ts'
import { type SLossForm, sLossForms } from '../../../stages/training/schedules/s-loss.ts'
import { everything } from '../../../stages/training/selection/losses.ts'
import { selectionOf } from '../../../stages/training/selection/select.ts'
import { easiest } from '../../../stages/training/truncate-loss.ts'
import { batches, context, train } from './small-run.ts'

/**
 * By hand, h easy, middling, hard at s = 0, 1/2, 1. ascending (2h − 1)(s − 1) + 1: at s = 0 it is 2 − 2h.
 * descending (1 − 2h)s + 2h: at s = 0 it is 2h. steep: (5h − 1)/(s + 0.2) + 1, so at s = 0 25h − 4, at s = 0.8 5h.
 */
const tables: Record<SLossForm, [h: number, s: number, alpha: number][]> = {
  ascending: [
    [0, 0, 2],
    [0.5, 0, 1],
    [1, 0, 0],
    [0, 0.5, 1.5],
    [0.25, 0.5, 1.25],
    [1, 0.5, 0.5],
    [0.3, 1, 1],
  ],
  descending: [
    [0, 0, 0],
    [0.5, 0, 1],
    [1, 0, 2],
    [0, 0.5, 0.5],
    [1, 0.5, 1.5],
    [0.3, 1, 1],
  ],
  steep: [
    [0, 0, -4],
    [0.2, 0, 1],
    [0.5, 0, 8.5],
    [1, 0, 21],
    [0, 0.8, 0],
    [1, 0.8, 5],
    [0.2, 0.37, 1],
  ],
}

describe.each(Object.entries(tables))('S-Loss %s', (form, table) => {
  it.each(table)('for hardness %d at progress %d is %d', (h, s, alpha) => {
    expect(sLossForms[form as SLossForm].alpha(h, s)).toBeCloseTo(alpha, 12)
  })
})

test.each(['ascending', 'descending'] as const)(
  '%s S-Loss leaves the mean weight of all hardnesses at 1',
  (form) => {
    for (const s of [0, 0.3, 1]) {
      const alphas = Array.from({ length: 101 }, (_, i) => sLossForms[form].alpha(i / 100, s))
      expect(alphas.reduce((sum, alpha) => sum + alpha, 0) / 101).toBeCloseTo(1, 12)
    }
  },
)

const batch = {
  step: 1,
  steps: 2,
  rows: 3,
  length: 2,
  hardness: Float32Array.of(0, 0.5, 1),
} as Batch
const losses = Float32Array.of(1, 2, 3, 4, 5, 6)
const all = everything(losses)
const rounded = (values: Float32Array) => [...values].map((value) => Number(value.toFixed(6)))

test('alone, S-Loss makes the loss of a step the mean of α·CE over all tokens', () => {
  // Ascending at half time: 1.5, 1, 0.5.
  const { weights, keptFraction, keptLoss, rows, tokens } = weighted({ batch }, all, 'ascending')
  expect(rounded(weights)).toEqual([1.5, 1.5, 1, 1, 0.5, 0.5].map((alpha) => Number((alpha / 6).toFixed(6))))
  expect([keptFraction, keptLoss, rows, tokens]).toEqual([1, 3.5, undefined, undefined])
})

test('behind a selection of sequences it multiplies the weights of those that are kept', () => {
  const selection = {
    rows: Int32Array.of(0, 2),
    weights: new Float32Array(4).fill(0.25),
    keepRatio: 0.67,
  } as Selection
  const changed = weighted({ batch }, selection, 'ascending')
  expect(rounded(changed.weights)).toEqual([0.375, 0.375, 0.125, 0.125])
  expect([changed.keepRatio, changed.rows]).toEqual([0.67, selection.rows])
})

test('behind a selection of tokens it finds the sequence of each', () => {
  const selection = {
    tokens: Int32Array.of(1, 2, 5),
    rows: undefined,
    weights: new Float32Array(3).fill(1 / 3),
  }
  const changed = weighted({ batch }, selection as unknown as Selection, 'descending')
  // Descending at half time: 0.5, 1, 1.5.
  expect(rounded(changed.weights)).toEqual([0.166667, 0.333333, 0.5])
})

test('a weight below zero is taken as zero, and what has none is kept all the same', () => {
  // Steep at s = 0: −4, 8.5, 21.
  const { weights, keptFraction, keptLoss } = weighted({ batch: { ...batch, step: 0 } }, all, 'steep')
  expect(rounded(weights)).toEqual([0, 0, 1.416667, 1.416667, 3.5, 3.5])
  expect([keptFraction, keptLoss]).toEqual([1, 3.5])
})

test.each([1, 2])(
  'a run goes on over batches of which nothing weighs anything, %d to an update',
  async (accumulate) => {
    const select = (items: AsyncIterable<Forwarded>) => sLoss.run(items, context(sLoss, { form: 'steep' }))
    // Steep is below zero for the easiest text until four fifths of the run: hardness is 0 in all of these batches.
    const updates = train(batches('shards', { count: 4 }), { select, optimizer: { accumulate, decay: 0 } })
    const seen: (StepRecord | undefined)[] = []
    let [first, last]: (Float32Array | undefined)[] = []
    for await (const { record, model } of updates) {
      seen.push(record)
      last = (await model.parameters.export()).get('model.norm.weight')?.values
      first ??= last
    }
    expect(seen).toHaveLength(1 + 4 / accumulate)
    for (const record of seen.slice(1)) {
      expect(record).toMatchObject({ gradientNorm: 0, keptFraction: 1, documentGini: 0 })
    }
    expect(last).toEqual(first)
  },
)

test('loss truncation leaves out what lies above a quantile, and averages over the rest', () => {
  const settings = { keep: 0.5, granularity: 'token', choose: easiest, hasThreshold: false } as const
  const selection = selectionOf(Float32Array.of(5, 1, 9, 2, 7, 1), batch, settings)
  expect([...(selection.tokens ?? [])]).toEqual([1, 3, 5])
  expect(rounded(selection.weights)).toEqual([0.333333, 0.333333, 0.333333])
  expect(selection.keptLoss).toBeCloseTo(4 / 3, 6)
  expect(selection.loss).toBeCloseTo(25 / 6, 6)
})
