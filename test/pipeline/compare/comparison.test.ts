import type { Arm } from '../../../pipeline/compare/arm.ts'
import { comparisonOf, type EndedRun } from '../../../pipeline/compare/comparison.ts'
import type { Outcome } from '../../../pipeline/compare/outcome.ts'
import type { ArmRole } from '../../../schemas/comparison.ts'
import { seededRandom } from '../../../stages/seeded-random.ts'

/** Experiments whose answer is known: the final values of runs are made up from seeds. */

const seeds = [1, 2, 3, 4, 5, 6, 7, 8]
const learningRates = [0.001, 0.003, 0.01]
/** What an arm has more than at its best learning rate, by learning rate. */
type Sweep = readonly [number, number, number]

/** Two arms whose runs differ by their seed, by their learning rate, and by 0.002 at most of their own. */
function experiment(baseline: Sweep, treatment: Sweep, change?: (run: EndedRun) => EndedRun) {
  const arm = (name: string, role: ArmRole): Arm => {
    return { name, role, file: 'train.yaml', assignments: [], changes: [], tokens: 100 }
  }
  const random = seededRandom(3)
  const ended = [baseline, treatment].flatMap((sweep, i) =>
    learningRates.flatMap((learningRate, j) =>
      seeds.map((seed): EndedRun => {
        const value = 2 + 0.05 * Math.sin(seed) + sweep[j] + 0.002 * (random() / 2 ** 32)
        const run = { arm: ['plain', 'new'][i], seed, learningRate, folder: `${i}/${seed}/${learningRate}` }
        const made = { ...run, outcome: outcomeAt(value) }
        return change?.(made) ?? made
      }),
    ),
  )
  const arms = [arm('plain', 'baseline'), arm('new', 'treatment')]
  const pairs = [{ arm: 'new', against: 'plain', as: 'baseline' }]
  return comparisonOf({ seeds, learningRates, arms, pairs }, ended)
}

/** A run of 100 steps on a straight line from 8 bits per byte. */
function outcomeAt(bitsPerByte: number): Outcome {
  const total = { steps: 100, tokens: 6400, flops: 1e9, seconds: 10 }
  const start = { steps: 0, tokens: 0, flops: 0, seconds: 0, bitsPerByte: 8 }
  return { total, curve: [start, { ...total, bitsPerByte }], bitsPerByte, bytes: 1000 }
}

test('an effect that was planted is found, in bits per byte and in what it takes to the baseline’s', () => {
  const { arms, comparisons, remarks } = experiment([0.03, 0, 0.05], [0.01, -0.02, 0.03])
  const [{ bitsPerByte, toBaseline }] = comparisons
  expect(bitsPerByte.verdict).toBe('better')
  expect(bitsPerByte.mean).toBeCloseTo(-0.02, 2)
  expect(bitsPerByte.pValue).toBe(2 / 2 ** 8)
  // Six bits in a hundred steps: 0.02 less takes a third of a step less.
  expect(toBaseline?.steps.mean).toBeCloseTo(-0.33, 1)
  expect(toBaseline?.flops.verdict).toBe('better')
  expect(arms.map(({ learningRate }) => learningRate)).toEqual([0.003, 0.003])
  expect(remarks).toEqual([])
})

test('where there is no effect none is found', () => {
  const [{ bitsPerByte }] = experiment([0.03, 0, 0.05], [0.03, 0, 0.05]).comparisons
  expect(bitsPerByte.verdict).toBe('no difference found')
})

test('what one learning rate shows goes away where each arm has its own', () => {
  const { arms, comparisons, remarks } = experiment([0.03, 0, 0.05], [0, 0.02, 0.07])
  const [plain, changed] = arms.map(({ sweep }) => sweep[0].mean as number)
  expect(plain - changed).toBeCloseTo(0.03, 2)
  expect(arms.map(({ learningRate }) => learningRate)).toEqual([0.003, 0.001])
  expect(comparisons[0].bitsPerByte.verdict).toBe('no difference found')
  expect(remarks).toEqual([
    'The smallest learning rate there was, 0.001, was best for `new`: one beyond it may be better.',
  ])
})

test('an arm that never comes to the baseline’s value has no cost to it, and is worse', () => {
  const { arms, comparisons } = experiment([0.03, 0, 0.05], [0.08, 0.05, 0.1])
  expect(arms[1].runs.map(({ toBaseline }) => toBaseline)).toEqual(seeds.map(() => null))
  expect(comparisons[0]).toMatchObject({ toBaseline: null, bitsPerByte: { verdict: 'worse' } })
})

test('a learning rate at which one seed diverged is not chosen, and an arm with no other is an error', () => {
  const diverges = (rates: readonly number[]) => (run: EndedRun) =>
    run.arm === 'new' && run.seed === 4 && rates.includes(run.learningRate) ? { ...run, outcome: null } : run
  const { arms } = experiment([0.03, 0, 0.05], [0.03, 0, 0.05], diverges([0.003]))
  expect(arms[1].learningRate).toBe(0.001)
  expect(arms[1].sweep[1]).toMatchObject({ mean: null })
  expect(arms[1].sweep[1].bitsPerByte[3]).toBeNull()
  expect(() => experiment([0, 0, 0], [0, 0, 0], diverges(learningRates))).toThrow(
    /Arm `new` diverged with some seed at each of the learning rates 0.001, 0.003, 0.01. Add a smaller one/,
  )
})

test('runs that were measured on different text are not compared', () => {
  const other = (run: EndedRun) =>
    run.arm === 'new' ? { ...run, outcome: { ...outcomeAt(2), bytes: 999 } } : run
  expect(() => experiment([0, 0, 0], [0, 0, 0], other)).toThrow(
    /on 1000 bytes of held-out text and .* on 999/,
  )
})
