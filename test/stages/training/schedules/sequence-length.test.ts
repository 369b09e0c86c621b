import { lengthGrowthOption, sequenceLength } from '../../../../stages/training/schedules/sequence-length.ts'

/**
 * From 16 to 128 until half time, in batches of 2048 = 2¹¹ tokens, whose divisors are powers of two, by hand: at t the
 * line is at 16 + 112·2t, so 16 at 0, 32 from t = 1/14 = 0.0714 on, 64 from 3/14 = 0.2143 on, and 128 from 1/2 on.
 */
test.each([
  [0, 16],
  [0.07, 16],
  [0.072, 32],
  [0.214, 32],
  [0.215, 64],
  [0.4999, 64],
  [0.5, 128],
  [1, 128],
])('with linear pacing sequences have at progress %d the length %d', (progress, length) => {
  expect(sequenceLength({ from: 16, until: 0.5, pacing: 'linear' }, 128, 2048, progress)).toBe(length)
})

/** 1 − (1 − t)² is 0.19 at 0.1 and 0.75 at 0.5: 10 + 50·0.19 = 19.5 and 10 + 50·0.75 = 47.5; 240 has the divisors 16 and 40. */
test.each([
  [0.1, 16],
  [0.5, 40],
])('with inverse-quadratic pacing sequences have at progress %d the length %d', (progress, length) => {
  expect(sequenceLength({ from: 10, until: 1, pacing: 'inverse-quadratic' }, 60, 240, progress)).toBe(length)
})

test('the option takes an end in [0, 1] alone', () => {
  expect(lengthGrowthOption.parse({ from: 8 })).toEqual({ from: 8, until: 0.5, pacing: 'linear' })
  expect(lengthGrowthOption.safeParse({ from: 8, until: 1.1 }).success).toBe(false)
})
