import * as tf from '@tensorflow/tfjs-core'
import type { Tensor1D, Tensor2D } from '@tensorflow/tfjs-core'
import type { Kernels } from '../backend/kernels.ts'
import { tidy } from '../backend/tidy.ts'
import type { HeadActivations } from './head.ts'
import { logitChunks } from './memory.ts'

/** What can be asked of a prediction p: the sum of squares Σ p², the entropy −Σ p ln p in nats, or the largest of p. */
export type PredictionStatistic = 'squares' | 'entropy' | 'largest'

/** Smallest positive normal float: what is rarer adds nothing to an entropy, and zero has no logarithm. */
const rarest = 2 ** -126

/**
 * A statistic of every token's prediction `[N]`, from the probabilities that forward kept, or else from those made
 * again in the head's chunks: `[N, V]` is never whole.
 *
 * @param matrix `[V, D]`
 */
export function predictionStatistic(
  kernels: Kernels,
  { hidden, predictions }: HeadActivations,
  matrix: Tensor2D,
  statistic: PredictionStatistic,
): Tensor1D {
  return tidy(() => {
    const [tokens, dim] = hidden.shape
    let start = 0
    const chunks = logitChunks(tokens, matrix.shape[0]).map((end, i) =>
      tidy(() => {
        const rows = tf.slice2d(hidden, [start, 0], [end - start, dim])
        const { powers, shares } =
          predictions?.[i] ?? kernels.softmax(kernels.matMul(rows, matrix, false, true))
        start = end
        return statistics[statistic](powers, shares && tf.reshape(shares, [-1]))
      }),
    )
    return tf.concat1d(chunks)
  })
}

type Statistic = (powers: Tensor2D, shares: Tensor1D | undefined) => Tensor1D

/** Of probabilities p = e·r `[n, V]`, powers e times shares r `[n]`; each row's share is applied to its sum. */
const statistics: Readonly<Record<PredictionStatistic, Statistic>> = {
  squares: (powers, shares) => {
    const sums = tf.sum<Tensor1D>(tf.square(powers), 1)
    return shares ? tf.mul(sums, tf.square(shares)) : sums
  },
  // −Σ p ln p = −r Σ e ln e − ln r, for Σ p = 1.
  entropy: (powers, shares) => {
    const sums = tf.sum<Tensor1D>(tf.mul(powers, tf.log(tf.maximum(powers, rarest))), 1)
    // Of a prediction that is nearly certain, the two cancel but for rounding, which may leave less than nothing.
    return tf.relu(tf.neg(shares ? tf.add<Tensor1D>(tf.mul(sums, shares), tf.log(shares)) : sums))
  },
  largest: (powers, shares) => {
    const largest = tf.max<Tensor1D>(powers, 1)
    return shares ? tf.mul(largest, shares) : largest
  },
}
