import * as tf from '@tensorflow/tfjs-core'
import type { Tensor2D, Tensor3D } from '@tensorflow/tfjs-core'
import { tidy } from '../backend/tidy.ts'
import type { Kernels } from '../backend/kernels.ts'

/** Rotary position embedding of sequences of one length (Su et al., arXiv 2104.09864). */
export interface Rotary {
  /** `[1, T·d]` cosine and sine of each position's angles; both halves of a head have the same angles. */
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
      [1, length * width],
    )
  const turn = new Float32Array(width * width)
  for (let i = 0; i < half; i++) {
    turn[(i + half) * width + i] = -1
    turn[i * width + i + half] = 1
  }
  return { cosine: table(Math.cos), sine: table(Math.sin), turn: tf.tensor2d(turn, [width, width]) }
}

/** Turns every head of `x` `[n, T, d]` by its position: x·cos + (x·R)·sin. */
export function rotate(kernels: Kernels, x: Tensor3D, { cosine, sine, turn }: Rotary): Tensor3D {
  return turned(kernels, x, cosine, sine, turn, tf.add)
}

/** The gradient of `rotate`'s input from that of its output: a turn the other way. */
export function rotateBackward(kernels: Kernels, gradient: Tensor3D, { cosine, sine, turn }: Rotary): Tensor3D {
  return turned(kernels, gradient, cosine, sine, turn, tf.sub)
}

function turned(
  kernels: Kernels,
  x: Tensor3D,
  cosine: Tensor2D,
  sine: Tensor2D,
  turn: Tensor2D,
  join: typeof tf.add,
): Tensor3D {
  return tidy(() => {
    const [heads, length, width] = x.shape
    const sequences = tf.reshape(x, [heads, length * width])
    const across = tf.reshape(kernels.matMul(tf.reshape(x, [heads * length, width]), turn), sequences.shape)
    return tf.reshape(join(tf.mul(sequences, cosine), tf.mul(across, sine)), x.shape)
  })
}
