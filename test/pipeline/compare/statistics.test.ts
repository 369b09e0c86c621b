import { bootstrapInterval } from '../../../pipeline/compare/statistics/bootstrap.ts'
import { pairedDifference } from '../../../pipeline/compare/statistics/paired-difference.ts'
import { signFlipPValue, smallestPValue } from '../../../pipeline/compare/statistics/sign-flip.ts'
import { seededRandom } from '../../../stages/seeded-random.ts'

describe('the sign-flip test', () => {
  test('gives the p value that Fisher worked out for Darwin’s maize', () => {
    // Eighths of an inch by which crossed plants outgrew self-fertilised ones: 1726 of 32768 (Fisher 1935, section 21).
    const darwin = [49, -67, 8, 16, 6, 23, 28, 41, 14, 29, 56, 24, 75, 60, -48]
    expect(signFlipPValue(darwin)).toBe(1726 / 32768)
  })

  test.each([
    ['all of one sign: two of the 2^n', [1, 2, 3, 4, 5], 2 / 32],
    ['six of one sign', [-0.01, -0.02, -0.03, -0.01, -0.02, -0.03], 2 / 64],
    // Sums of ±1 ±2 ±3: 6, 4, 2, 0, 0, −2, −4, −6; the observed one is 4.
    ['one small one turned', [-1, 2, 3], 4 / 8],
    ['a sum of zero', [1, -1], 1],
    // Every order of adding 0.1, 0.2 and 0.3 rounds apart.
    ['equal sums that round apart', [0.1, 0.2, -0.3], 1],
    ['no difference at all', [0, 0, 0], 1],
  ])('is exact with %s', (_, differences, pValue) => {
    expect(signFlipPValue(differences)).toBe(pValue)
  })

  test('cannot come below 0.05 with five seeds, and can with six', () => {
    expect([4, 5, 6].map(smallestPValue)).toEqual([0.125, 0.0625, 0.03125])
    expect(signFlipPValue([9, 9, 9, 9, 9])).toBe(smallestPValue(5))
  })
})

describe('the bootstrap interval of the mean', () => {
  test('has the quantiles of a binomial distribution where values are zero or one', () => {
    // Of Binomial(10, 1/2): P(≤ 1) = 0.011, P(≤ 2) = 0.055; and the same from above.
    expect(bootstrapInterval([0, 0, 0, 0, 0, 1, 1, 1, 1, 1])).toEqual([0.2, 0.8])
  })

  test('agrees with all 3125 resamples of five values', () => {
    const values = [0.3, -0.1, 0.45, 0.2, 0.07]
    const means = Array.from({ length: 5 ** 5 }, (_, code) => {
      let sum = 0
      for (let i = 0, rest = code; i < 5; i++, rest = Math.floor(rest / 5)) sum += values[rest % 5]
      return sum / 5
    }).sort((a, b) => a - b)
    const [low, high] = bootstrapInterval(values)
    // Ten thousand draws know a quantile of 2.5 % to about 0.16 %: two and a half such errors on either side.
    expect(low).toBeGreaterThanOrEqual(means[Math.floor(0.021 * means.length)])
    expect(low).toBeLessThanOrEqual(means[Math.floor(0.029 * means.length)])
    expect(high).toBeGreaterThanOrEqual(means[Math.floor(0.971 * means.length)])
    expect(high).toBeLessThanOrEqual(means[Math.floor(0.979 * means.length)])
  })

  test('of equal values is that value, and of the same values the same', () => {
    expect(bootstrapInterval([2, 2, 2])).toEqual([2, 2])
    expect(bootstrapInterval([1, 5, 2, 8])).toEqual(bootstrapInterval([1, 5, 2, 8]))
  })
})

describe('the verdict on experiments that are simulated', () => {
  const random = seededRandom(7)
  const uniform = () => (random() + 0.5) / 2 ** 32
  const normal = () => Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform())

  /** Final bits per byte: seeds differ by 0.05, which both arms share, and each run by 0.01 of its own. */
  function verdicts(effect: number, seeds: number, count: number): Record<string, number> {
    const found: Record<string, number> = { better: 0, worse: 0, 'no difference found': 0 }
    for (let i = 0; i < count; i++) {
      const seed = Array.from({ length: seeds }, () => 2 + 0.05 * normal())
      const run = (value: number) => value + 0.01 * normal()
      const { verdict } = pairedDifference(
        seed.map((value) => run(value + effect)),
        seed.map(run),
      )
      found[verdict]++
    }
    return found
  }

  test('finds an effect of three times the runs’ spread, which is less than the seeds’', () => {
    expect(verdicts(-0.03, 8, 10).better).toBeGreaterThanOrEqual(9)
    expect(verdicts(0.03, 8, 10).worse).toBeGreaterThanOrEqual(9)
  })

  test('refuses what is no effect, but for one in twenty by chance', () => {
    const found = verdicts(0, 8, 30)
    expect(found['no difference found']).toBeGreaterThanOrEqual(27)
  })

  test('finds nothing with five seeds, however large the effect', () => {
    expect(verdicts(-1, 5, 3)).toEqual({ better: 0, worse: 0, 'no difference found': 3 })
  })
})
