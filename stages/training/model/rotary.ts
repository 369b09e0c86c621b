import * as tf from '@tensorflow/tfjs-core'
import type { Tensor1D, Tensor2D } from '@tensorflow/tfjs-core'
import { inverse } from './permutation.ts'

/** Queries, keys and values of a token stand side by side: H heads, K heads and K heads, each d wide. */
export interface HeadSizes {
  readonly heads: number
  readonly kvHeads: number
  readonly width: number
}

/**
 * Rotary position embedding (Su et al., arXiv 2104.09864): the numbers of a head are complex numbers, and position t
 * multiplies the i-th of them by e^(j·t·theta^(−2i/d)). Real and imaginary parts stand next to each other. Queries are
 * scaled by 1/√d on the way, values are multiplied by 1.
 */
export interface Rotary {
  /** `[T, (H + 2K)·d]` */
  readonly turn: Tensor2D
  /** `[T, (H + 2K)·d]` the conjugates, through which gradients go back. */
  readonly turnBack: Tensor2D
  /**
   * Rows of the joint projection `[(H + 2K)·d, D]` in the order that puts real and imaginary parts next to each other.
   * In transformers' layout the real parts of a head come first; the order within a head is nothing to its scores.
   */
  readonly paired: Tensor1D
  /** The inverse of `paired`. */
  readonly unpaired: Tensor1D
}

export function rotary(length: number, sizes: HeadSizes, theta: number): Rotary {
  const { heads, kvHeads, width } = sizes
  const columns = (heads + 2 * kvHeads) * width
  const factors = (sign: 1 | -1) => {
    const numbers = new Float32Array(length * columns)
    for (let i = 0; i < numbers.length; i += 2) {
      const [position, column] = [Math.floor(i / columns), i % columns]
      const head = Math.floor(column / width)
      const angle = head < heads + kvHeads ? sign * position * theta ** (-(column % width) / width) : 0
      const scale = head < heads ? 1 / Math.sqrt(width) : 1
      numbers[i] = scale * Math.cos(angle)
      numbers[i + 1] = scale * Math.sin(angle)
    }
    return tf.tensor2d(numbers, [length, columns])
  }
  const paired = pairedRows(sizes)
  return {
    turn: factors(1),
    turnBack: factors(-1),
    paired: tf.tensor1d(paired, 'int32'),
    unpaired: tf.tensor1d(inverse([paired]), 'int32'),
  }
}

function pairedRows({ heads, kvHeads, width }: HeadSizes): Int32Array {
  return Int32Array.from({ length: (heads + 2 * kvHeads) * width }, (_, row) => {
    if (row >= (heads + kvHeads) * width) return row
    const place = row % width
    return row - place + Math.floor(place / 2) + (place % 2) * (width / 2)
  })
}
