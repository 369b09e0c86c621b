/** What a training run saw of a document: a number an epoch, in the order of the epochs, one at least. */
export interface EpochDynamics {
  /** Mean probability of the document's tokens. */
  readonly probability: readonly number[]
  /** Share of its tokens that had a probability above one half, and so were the model's first choice for certain. */
  readonly correct: readonly number[]
}

/** Mean over epochs of the probability of what is true (Swayamdipta et al., arXiv 2009.10795). */
export function confidence(probabilities: readonly number[]): number {
  return mean(probabilities)
}

/** Population standard deviation over epochs of that probability (arXiv 2009.10795); 0 after a single epoch. */
export function variability(probabilities: readonly number[]): number {
  const centre = mean(probabilities)
  return Math.sqrt(mean(probabilities.map((probability) => (probability - centre) ** 2)))
}

/** Mean over epochs of what was right (arXiv 2009.10795): 0 or 1 for one decision, a share for many tokens. */
export function correctness(correct: readonly number[]): number {
  return mean(correct)
}

/**
 * How often what was right in one epoch was wrong in the next: the forgetting events of Toneva et al. (arXiv
 * 1812.05159) for 0 and 1. For shares of tokens it is the sum of all falls, the least number of events a token.
 * Infinite, as there, for what was never right.
 */
export function forgetfulness(correct: readonly number[]): number {
  if (correct.every((share) => share === 0)) return Infinity
  return correct.reduce(
    (sum, share, epoch) => sum + (epoch > 0 ? Math.max(0, correct[epoch - 1] - share) : 0),
    0,
  )
}

/** The measures of a run's dynamics as difficulties: which end is hard, and the value. */
export const dynamicsMetrics = [
  {
    name: 'confidence',
    hardEnd: 'low',
    measure: ({ probability }: EpochDynamics) => confidence(probability),
  },
  {
    name: 'variability',
    hardEnd: 'high',
    measure: ({ probability }: EpochDynamics) => variability(probability),
  },
  { name: 'correctness', hardEnd: 'low', measure: ({ correct }: EpochDynamics) => correctness(correct) },
  { name: 'forgetfulness', hardEnd: 'high', measure: ({ correct }: EpochDynamics) => forgetfulness(correct) },
] as const

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}
