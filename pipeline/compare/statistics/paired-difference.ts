import type { PairedDifference, Verdict } from '../../../schemas/comparison.ts'
import { bootstrapInterval } from './bootstrap.ts'
import { signFlipPValue } from './sign-flip.ts'

const significance = 0.05

/**
 * What `values` are less `others`, both by seed: a difference is found where the bootstrap interval excludes zero and
 * the sign-flip test's p value is below 0.05, and nowhere else. Less is better.
 *
 * @param values `[n]`
 * @param others `[n]`
 */
export function pairedDifference(values: readonly number[], others: readonly number[]): PairedDifference {
  const differences = values.map((value, i) => value - others[i])
  const mean = differences.reduce((sum, difference) => sum + difference, 0) / differences.length
  const interval = bootstrapInterval(differences)
  const pValue = signFlipPValue(differences)
  return { differences, mean, interval, pValue, verdict: verdictOf(mean, interval, pValue) }
}

function verdictOf(mean: number, [low, high]: readonly [number, number], pValue: number): Verdict {
  if (!(pValue < significance) || (low <= 0 && high >= 0)) return 'no difference found'
  return mean < 0 ? 'better' : 'worse'
}
