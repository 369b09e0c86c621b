import * as tf from '@tensorflow/tfjs-core'
import type { Tensor1D, Tensor2D } from '@tensorflow/tfjs-core'
import { tidy } from './backend/tidy.ts'
import type { Batch } from './messages.ts'
import { type Kept, rowOf } from './model/kept.ts'

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
    const scales = scalesOf(rows, length, kept)
    const all = new Float32Array(rows * length).fill(NaN)
    values.forEach((value, i) => {
      const place = Math.floor(i / length)
      const row = kept.rows?.[place] ?? place
      if (Number.isFinite(scales[row])) all[row * length + (i % length)] = value * scales[row]
    })
    return all
  } finally {
    norms.dispose()
  }
}

/** `[B]`: what makes the mean weight of a row's kept losses 1, whatever they weigh in the step; infinite for none. */
function scalesOf(rows: number, length: number, kept: Kept): Float64Array {
  const counts = new Float64Array(rows)
  const sums = new Float64Array(rows)
  kept.weights.forEach((weight, i) => {
    const row = rowOf(kept, i, length)
    counts[row]++
    sums[row] += weight
  })
  return counts.map((count, row) => count / sums[row])
}
