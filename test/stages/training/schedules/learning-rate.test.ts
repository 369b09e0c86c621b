import {
  learningRate,
  type LearningRateSchedule,
} from '../../../../stages/training/schedules/learning-rate.ts'

/**
 * Peak 8, warm-up 4 of 12 steps, final share 0.25 (so 2), by hand: the warm-up gives 2, 4, 6, 8; then z = 0, 1/8, ...
 * linear: 8 · (1/4 + 3/4 · (1 − z)) = 8 − 6 z. cosine: 2 + 3 (1 + cos πz), with cos π/4 = √½ and cos π/2 = 0.
 */
const tables: Record<LearningRateSchedule, [step: number, rate: number][]> = {
  constant: [
    [0, 2],
    [1, 4],
    [3, 8],
    [4, 8],
    [11, 8],
  ],
  linear: [
    [0, 2],
    [3, 8],
    [4, 8],
    [6, 6.5],
    [8, 5],
    [10, 3.5],
    [11, 2.75],
  ],
  cosine: [
    [0, 2],
    [3, 8],
    [4, 8],
    [6, 5 + 3 * Math.SQRT1_2],
    [8, 5],
    [10, 5 - 3 * Math.SQRT1_2],
  ],
}

describe('learningRate', () => {
  for (const [schedule, table] of Object.entries(tables) as [LearningRateSchedule, [number, number][]][]) {
    it.each(table)(`${schedule} at step %d of 12 is %d`, (step, rate) => {
      expect(learningRate({ peak: 8, schedule, warmUp: 4, final: 0.25 }, step, 12)).toBeCloseTo(rate, 12)
    })
  }

  it('starts at the peak without a warm-up, and approaches zero where the final share is zero', () => {
    const rate = { peak: 0.003, schedule: 'cosine', warmUp: 0, final: 0 } as const
    expect(learningRate(rate, 0, 1000)).toBe(0.003)
    const last = learningRate(rate, 999, 1000)
    expect(last).toBeGreaterThan(0)
    expect(last).toBeLessThan(1e-7)
  })

  it('only rises where the warm-up is longer than the run', () => {
    expect(learningRate({ peak: 1, schedule: 'linear', warmUp: 10, final: 0 }, 4, 5)).toBe(0.5)
  })
})
