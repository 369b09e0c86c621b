import { confidence, correctness, forgetfulness, variability } from '../../scoring/training-dynamics.ts'

/**
 * By hand. 0.2, 0.4, 0.9 have the mean 1.5 / 3 = 0.5, and deviate by −0.3, −0.1 and 0.4: the squares 0.09, 0.01 and
 * 0.16 have the mean 0.26 / 3. A sample's standard deviation would divide by 2.
 */
test('confidence is the mean over epochs, variability the population’s standard deviation', () => {
  expect(confidence([0.2, 0.4, 0.9])).toBeCloseTo(0.5, 12)
  expect(variability([0.2, 0.4, 0.9])).toBeCloseTo(Math.sqrt(0.26 / 3), 12)
  expect(variability([0, 1])).toBe(0.5)
  expect([confidence([0.7]), variability([0.7])]).toEqual([0.7, 0])
})

test('correctness is the share of epochs that were right', () => {
  expect(correctness([1, 0, 1, 1])).toBe(0.75)
  expect(correctness([0.5, 0.25])).toBe(0.375)
})

test.each([
  [[0, 1, 1, 0, 1], 1],
  [[1, 0, 1, 0], 2],
  [[0, 0, 1, 1], 0],
  [[1, 1], 0],
  [[0, 0, 0], Infinity],
  // Falls of a quarter and of a half; the rise between them makes none good.
  [[0.75, 0.5, 1, 0.5], 0.75],
])('of %j the falls are %d, and never right is forgotten without end', (correct, events) => {
  expect(forgetfulness(correct)).toBe(events)
})
