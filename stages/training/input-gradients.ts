import * as tf from '@tensorflow/tfjs-core'
import type { Tensor1D, Tensor2D } from '@tensorflow/tfjs-core'
import { tidy } from './backend/tidy.ts'
import type { Batch } from './messages.ts'
import type { Kept } from './model/kept.ts'

/** Euclidean norm of each row of a gradient `[n, D]`; it is the caller's. */
export function normsOfRows(gradient: Tensor2D): Tensor1D {
  return tidy(() => tf.keep(tf.sqrt(tf.sum<Tensor1D>(tf.square(gradient), 1))))
}

/**
 * Reads and disposes of the norms `[n·T]` of a backward pass over n rows.
 * @returns `[B·T]`, as `OnInputGradients` takes them
 */
export async function readInputGradients(
  norms: Tensor1D,
  { rows, length }: Pick<Batch, 'rows' | 'length'>,
  kept: Kept,
): Promise<Float32Array> {
  try {
    const values = (await norms.data()) as Float32Array
    // Losses weigh 1/N each where all N are kept, and differently after each selection: here they weigh 1 in the mean.
    const scale = kept.weights.length / kept.weights.reduce((sum, weight) => sum + weight, 0)
    const all = new Float32Array(rows * length).fill(NaN)
    values.forEach((value, i) => {
      const row = Math.floor(i / length)
      all[(kept.rows?.[row] ?? row) * length + (i % length)] = value * scale
    })
    return all
  } finally {
    norms.dispose()
  }
}
