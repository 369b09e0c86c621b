import type { Forwarded } from '../messages.ts'
import { readStatistic } from './losses.ts'

/** What makes a token worth a gradient. p is the prediction, p_y its probability of the true token. */
export const criteria = [
  'loss',
  'gradient-norm',
  'loss-gradient-norm',
  'entropy-loss',
  'uncertainty',
  'excess',
] as const
export type Criterion = (typeof criteria)[number]

/** Scores `[B·T]` of a forward pass whose losses are `[B·T]`. */
export type Score = (forwarded: Forwarded, losses: Float32Array) => Promise<Float32Array>

/** What gives the scores of a criterion; none where they are the losses. `excess` needs more than a forward pass. */
export const scoring: Readonly<Record<Exclude<Criterion, 'excess'>, Score | undefined>> = {
  loss: undefined,
  'gradient-norm': async (forwarded, losses) =>
    gradientNorms(losses, await readStatistic(forwarded, 'squares')),
  'loss-gradient-norm': async (forwarded, losses) =>
    product(losses, gradientNorms(losses, await readStatistic(forwarded, 'squares'))),
  'entropy-loss': async (forwarded, losses) => product(losses, await readStatistic(forwarded, 'entropy')),
  uncertainty: async (_, losses) => uncertainties(losses),
}

/**
 * Euclidean norm of the loss's gradient by the logits, softmax − onehot: sqrt(Σp² − 2p_y + 1), at most √2.
 * Written as the share of the true token and that of the others, so that a norm near zero is not lost in rounding: the
 * others' squares sum to (1 − p_y)² at most.
 */
function gradientNorms(losses: Float32Array, squares: Float32Array): Float32Array {
  const norms = new Float32Array(losses.length)
  for (let i = 0; i < losses.length; i++) {
    const probability = Math.exp(-losses[i])
    const own = Math.expm1(-losses[i]) ** 2
    const others = squares[i] - probability * probability
    norms[i] = Math.sqrt(own + Math.min(Math.max(others, 0), own))
  }
  return norms
}

/** p_y(1 − p_y): high where the model neither knows the token nor has given it up. */
function uncertainties(losses: Float32Array): Float32Array {
  const scores = new Float32Array(losses.length)
  for (let i = 0; i < losses.length; i++) scores[i] = -Math.exp(-losses[i]) * Math.expm1(-losses[i])
  return scores
}

function product(a: Float32Array, b: Float32Array): Float32Array {
  const products = new Float32Array(a.length)
  for (let i = 0; i < a.length; i++) products[i] = a[i] * b[i]
  return products
}
