import fc from 'fast-check'
import type { Batch } from '../../../stages/training/messages.ts'
import { hardest } from '../../../stages/training/selection/hardest.ts'
import { randomChoice } from '../../../stages/training/selection/random-choice.ts'
import { selectionOf, type SelectionSettings } from '../../../stages/training/selection/select.ts'

const batchOf = (rows: number, length: number, step = 0, steps = 10) =>
  ({ rows, length, step, steps }) as Batch

const ohem = (keep: SelectionSettings['keep'], granularity: 'sequence' | 'token'): SelectionSettings => ({
  keep,
  granularity,
  choose: hardest,
  hasThreshold: true,
})

const losses = Float32Array.from([1, 2, 3, 9, 0, 0, 5, 5, 5, 4, 4, 4])

test('sequences with the largest mean loss are kept, and their losses averaged over their tokens', () => {
  const selection = selectionOf(losses, batchOf(4, 3), ohem(0.5, 'sequence'))
  expect(selection.rows).toEqual(Int32Array.from([2, 3]))
  expect(selection.tokens).toBeUndefined()
  expect(selection.weights).toEqual(new Float32Array(6).fill(1 / 6))
  expect(selection).toMatchObject({
    keptFraction: 0.5,
    keepRatio: 0.5,
    threshold: 4,
    keptLoss: 4.5,
    loss: 3.5,
  })
})

test('tokens with the largest loss are kept, and sequences without one are left out', () => {
  const selection = selectionOf(losses, batchOf(4, 3), ohem(0.25, 'token'))
  // 9, and the first two of three fives.
  expect(selection.tokens).toEqual(Int32Array.from([3, 6, 7]))
  expect(selection.rows).toEqual(Int32Array.from([1, 2]))
  expect(selection.weights).toEqual(new Float32Array(3).fill(1 / 3))
  expect(selection.threshold).toBe(5)
  expect(selection.keptLoss).toBeCloseTo(19 / 3, 6)
})

test('sequences are not named where every one has a kept token', () => {
  const selection = selectionOf(Float32Array.from([1, 2, 2, 1]), batchOf(2, 2), ohem(0.5, 'token'))
  expect(selection.tokens).toEqual(Int32Array.from([1, 2]))
  expect(selection.rows).toBeUndefined()
})

test.each(['sequence', 'token'] as const)('at keep ratio 1 nothing is chosen by %s', (granularity) => {
  const selection = selectionOf(losses, batchOf(4, 3), ohem(1, granularity))
  expect([selection.rows, selection.tokens]).toEqual([undefined, undefined])
  expect(selection.weights).toHaveLength(12)
  expect(selection).toMatchObject({
    keptFraction: 1,
    keptLoss: 3.5,
    loss: 3.5,
    threshold: granularity === 'token' ? 0 : 2,
  })
})

test('at least one item is kept, however small the ratio', () => {
  expect(selectionOf(losses, batchOf(4, 3), ohem(0.001, 'sequence')).rows).toEqual(Int32Array.of(2))
  expect(selectionOf(losses, batchOf(4, 3), ohem(0.001, 'token')).tokens).toEqual(Int32Array.of(3))
})

test('a schedule is followed by the progress of the run', () => {
  const ratios = [0, 1, 2, 5, 9].map(
    (step) => selectionOf(losses, batchOf(4, 3, step), ohem('release', 'token')).keepRatio,
  )
  expect(ratios).toEqual([1, 1, 0.75, 0.5, 1])
})

test('the hardest are the largest losses, as many as asked for, in ascending order of their place', () => {
  fc.assert(
    fc.property(
      fc.array(
        fc.float({ noNaN: true, min: 0, max: 4 }).map((x) => Math.fround(Math.round(x))),
        { minLength: 1, maxLength: 40 },
      ),
      fc.nat(),
      (values, some) => {
        const count = 1 + (some % values.length)
        const kept = [...hardest(Float32Array.from(values), count)]
        expect(new Set(kept).size).toBe(count)
        expect(kept).toEqual([...kept].sort((a, b) => a - b))
        const sorted = [...values].sort((a, b) => b - a)
        expect(kept.map((i) => values[i]).sort((a, b) => b - a)).toEqual(sorted.slice(0, count))
      },
    ),
  )
})

test('a random choice is the same for a seed and a step, and another for another of either', () => {
  const choice = (seed: number, step: number) => [...randomChoice(1000, 100, seed, step)]
  expect(choice(1, 1)).toEqual(choice(1, 1))
  expect(choice(1, 1)).not.toEqual(choice(1, 2))
  expect(choice(1, 1)).not.toEqual(choice(2, 1))
})

test('a random choice keeps every item equally often', () => {
  const counts = new Float64Array(10)
  const steps = 4000
  for (let step = 0; step < steps; step++) {
    const kept = randomChoice(10, 3, 7, step)
    expect([...kept]).toEqual([...new Set(kept)].sort((a, b) => a - b))
    for (const i of kept) counts[i]++
  }
  // Chi-square with nine degrees of freedom stays under 27.9 with probability 0.999; without replacement it is smaller.
  const expected = (3 * steps) / 10
  expect(counts.reduce((sum, n) => sum + (n - expected) ** 2 / expected, 0)).toBeLessThan(27.9)
})

test('random tokens have no threshold, and their mean loss is near that of all', () => {
  const many = Float32Array.from({ length: 4096 }, (_, i) => i % 13)
  const selection = selectionOf(many, batchOf(32, 128), {
    keep: 0.5,
    granularity: 'token',
    choose: (scores, count, { step }) => randomChoice(scores.length, count, 1, step),
    hasThreshold: false,
  })
  expect(selection.threshold).toBeNull()
  expect(Math.abs(selection.keptLoss - selection.loss)).toBeLessThan(0.2)
})
