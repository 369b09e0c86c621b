import * as tf from '@tensorflow/tfjs-core'
import type { Tensor2D, Tensor4D } from '@tensorflow/tfjs-core'
import { tidy } from '../backend/tidy.ts'
import type { Kernels } from '../backend/kernels.ts'

/** Rotary position embedding of sequences of one length (Su et al., arXiv 2104.09864). */
export interface Rotary {
  /** `[T, d]` cosine and sine of each position's angles; both halves of a head have the same angles. */
  readonly cosine: Tensor2D
  readonly sine: Tensor2D
  /** `[d, d]`: x·R puts −x₂ before x₁, where x₁ and x₂ are the halves of a head, as in transformers' Llama. */
  readonly turn: Tensor2D
}

/** Tables for `length` positions of heads that are `width` wide: position t turns pair i by t·theta^(−2i/width). */
export function rotary(length: number, width: number, theta: number): Rotary {
  const half = width / 2
  const table = (of: (angle: number) => number) =>
    tf.tensor2d(
      Float32Array.from({ length: length * width }, (_, i) =>
        of(Math.floor(i / width) * theta ** ((-2 * (i % half)) / width)),
      ),
      [length, width],
    )
  const turn = new Float32Array(width * width)
  for (let i = 0; i < half; i++) {
    turn[(i + half) * width + i] = -1
    turn[i * width + i + half] = 1
  }
  return { cosine: table(Math.cos), sine: table(Math.sin), turn: tf.tensor2d(turn, [width, width]) }
}

/** Turns every head of `x` `[B, n, T, d]` by its position: x·cos + (x·R)·sin. */
export function rotate(kernels: Kernels, x: Tensor4D, { cosine, sine, turn }: Rotary): Tensor4D {
  return tidy(() => tf.add<Tensor4D>(tf.mul(x, cosine), tf.mul(across(kernels, x, turn), sine)))
}

/** The gradient of `rotate`'s input from that of its output: a turn the other way. */
export function rotateBackward(
  kernels: Kernels,
  gradient: Tensor4D,
  { cosine, sine, turn }: Rotary,
): Tensor4D {
  return tidy(() => tf.sub<Tensor4D>(tf.mul(gradient, cosine), tf.mul(across(kernels, gradient, turn), sine)))
}

/** x·R. */
function across(kernels: Kernels, x: Tensor4D, turn: Tensor2D): Tensor4D {
  const width = turn.shape[0]
  return tf.reshape(kernels.matMul(tf.reshape(x, [x.size / width, width]), turn), x.shape)
}
