import { seededRandom } from '../../../stages/seeded-random.ts'

const resamples = 10_000

/**
 * 95 % percentile interval of the mean (Efron and Tibshirani 1993, An Introduction to the Bootstrap, section 13.3): the
 * mean of n values drawn with replacement from `values`, 10,000 times over; its 2.5 % and 97.5 % quantiles. Few values
 * make it too narrow, which is why no verdict rests on it alone.
 *
 * @returns the same interval for the same values.
 */
export function bootstrapInterval(values: readonly number[]): [low: number, high: number] {
  const random = seededRandom(1)
  const n = values.length
  const means = Float64Array.from({ length: resamples }, () => {
    let sum = 0
    for (let i = 0; i < n; i++) sum += values[Math.floor((random() / 2 ** 32) * n)]
    return sum / n
  }).sort()
  return [means[Math.floor(0.025 * resamples)], means[Math.ceil(0.975 * resamples) - 1]]
}
