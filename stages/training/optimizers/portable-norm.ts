import * as tf from '@tensorflow/tfjs-core'
import type { Tensor } from '@tensorflow/tfjs-core'
import { tidy } from '../backend/tidy.ts'
import { flatten, gathered } from './flat-tensors.ts'

/** Euclidean norm of all tensors together, on tfjs-core's own operations. */
export async function portableNorm(tensors: Iterable<Tensor>): Promise<number> {
  const squares = tidy(() => {
    const sums = gathered([...tensors], ({ size }) => size).map((part) =>
      tidy(() => tf.sum(tf.square(flatten(part)))),
    )
    return tf.sum(tf.stack(sums))
  })
  const [sum] = await squares.data()
  squares.dispose()
  return Math.sqrt(sum)
}
