import * as tf from '@tensorflow/tfjs-core'
import type { Tensor, Tensor1D } from '@tensorflow/tfjs-core'

/** Numbers that are laid end to end at most, 16 MiB: a bound on what an operation over them holds beside them. */
const maxNumbers = 2 ** 22

/** Tensors end to end, as one vector. */
export function flatten(tensors: readonly Tensor[]): Tensor1D {
  return tf.concat1d(tensors.map((tensor) => tf.reshape<tf.Rank.R1>(tensor, [-1])))
}

/** Cuts a list so that each part has `maxNumbers` at most, or a single item; one of more than `alone` is by itself. */
export function gathered<T>(items: readonly T[], sizeOf: (item: T) => number, alone = maxNumbers): T[][] {
  const parts: T[][] = []
  let size = Infinity
  for (const item of items) {
    const own = sizeOf(item) > alone ? maxNumbers : sizeOf(item)
    size += own
    if (size > maxNumbers) {
      parts.push([])
      size = own
    }
    parts[parts.length - 1].push(item)
  }
  return parts
}
