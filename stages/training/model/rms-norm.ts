import * as tf from '@tensorflow/tfjs-core'
import type { Tensor1D, Tensor2D } from '@tensorflow/tfjs-core'
import { tidy } from '../backend/tidy.ts'
import type { Kernels } from '../backend/kernels.ts'

/** What the backward of x̂·w, x̂ = x/√(mean x² + ε), needs. */
export interface NormActivations {
  /** x̂ `[N, D]`. */
  readonly normalised: Tensor2D
  /** 1/√(mean x² + ε) `[N, 1]`. */
  readonly inverse: Tensor2D
}

/** Normalises each row of `x` `[N, D]` to a root mean square of 1 (Zhang and Sennrich, arXiv 1910.07467). */
export function rmsNorm(kernels: Kernels, x: Tensor2D, epsilon: number): NormActivations {
  return tidy(() => {
    // A product with a vector is a mean that every back end takes faster than its own.
    const dim = x.shape[1]
    const squares = kernels.matMul(tf.square(x), tf.fill<tf.Rank.R2>([dim, 1], 1 / dim))
    const inverse = tf.rsqrt(tf.add<Tensor2D>(squares, epsilon))
    return { normalised: tf.mul<Tensor2D>(x, inverse), inverse }
  })
}

/** `[N, D]`: the layer's output x̂·w, which is cheaper made twice than kept. */
export function scaleNorm({ normalised }: NormActivations, weight: Tensor1D): Tensor2D {
  return tf.mul(normalised, weight)
}

/**
 * Gradients of x `[N, D]` and w `[D]` from that of x̂·w, dy: dx = (w·dy − x̂·mean(w·dy·x̂))/√(mean x² + ε).
 *
 * @param beside gradient of x from elsewhere `[N, D]`, which is added
 */
export function rmsNormBackward(
  kernels: Kernels,
  gradient: Tensor2D,
  weight: Tensor1D,
  { normalised, inverse }: NormActivations,
  beside: Tensor2D[] = [],
): { input: Tensor2D; weight: Tensor1D } {
  return tidy(() => {
    const [rows, dim] = gradient.shape
    const products: Tensor2D = tf.mul(gradient, normalised)
    const weightGradient: Tensor1D = tf.reshape(kernels.matMul(tf.ones([1, rows]), products), [dim])
    const shares: Tensor2D = tf.reshape(tf.mul(weight, -1 / dim), [dim, 1])
    const across: Tensor2D = tf.mul(tf.mul(gradient, weight), inverse)
    const along: Tensor2D = tf.mul(normalised, tf.mul(kernels.matMul(products, shares), inverse))
    const input = tf.addN([across, along, ...beside])
    return { input, weight: weightGradient }
  })
}
