import * as tf from '@tensorflow/tfjs-core'
import type { Tensor1D, Tensor2D } from '@tensorflow/tfjs-core'
import type { Softmax } from './kernels.ts'
import { tidy } from './tidy.ts'

/** For back ends whose softmax is faster than an exponential. */
export function portableSoftmax(logits: Tensor2D): Softmax {
  return tidy(() => {
    const powers = tf.softmax(logits)
    // The likeliest token has a logit m and a probability e^m / Σ e^z, never too small for its logarithm.
    const logSums = tf.sub<Tensor1D>(tf.max(logits, 1), tf.log(tf.max(powers, 1)))
    return { powers, logSums }
  })
}

export function portableSigmoidGradient(sigmoid: Tensor2D, y: Tensor2D): Tensor2D {
  return tidy(() => tf.mul(y, tf.sub(sigmoid, tf.square(sigmoid))))
}
