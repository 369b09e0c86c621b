import * as tf from '@tensorflow/tfjs-core'
import type { Tensor2D, Tensor4D } from '@tensorflow/tfjs-core'
import { tidy } from '../backend/tidy.ts'
import { queryBlocks } from './memory.ts'

/** Queries that follow one another, and the keys that the last of them sees: those in the future are left out. */
export interface CausalBlock {
  /** Queries from `start` to `end`, exclusive; keys from 0 to `end`. */
  readonly start: number
  readonly end: number
  /** `[G·(end − start), end]`: 0 where a query sees a key, a large negative number where the key is in its future. */
  readonly mask: Tensor2D
}

/** Large enough to vanish in a softmax, and small enough to stay finite when scores are added. */
const masked = -1e9

/** @param group G, query heads that share a key/value head */
export function causalBlocks(length: number, group: number): CausalBlock[] {
  const ends = queryBlocks(length)
  return ends.map((end, i) => {
    const start = ends[i - 1] ?? 0
    return { start, end, mask: causalMask(start, end, group) }
  })
}

function causalMask(start: number, end: number, group: number): Tensor2D {
  const queries = end - start
  const mask = new Float32Array(group * queries * end)
  for (let i = 0; i < mask.length; i++) {
    const query = start + (Math.floor(i / end) % queries)
    if (i % end > query) mask[i] = masked
  }
  return tf.tensor2d(mask, [group * queries, end])
}

/** The keys, or their values, that a block sees, `[B, K, end, d]`, of all of them, `[B, K, T, d]`. */
export function keysOf(x: Tensor4D, { end }: CausalBlock): Tensor4D {
  return end === x.shape[2] ? x : tf.slice4d(x, [0, 0, 0, 0], [-1, -1, end, -1])
}

/** What all blocks give to each key, `[B, K, T, d]`: the sum of their `[B, K, end, d]`. */
export function sumKeys(parts: readonly Tensor4D[], length: number): Tensor4D {
  if (parts.length === 1) return parts[0]
  return tidy(() =>
    tf.addN(
      parts.map((part) =>
        tf.pad4d(part, [
          [0, 0],
          [0, 0],
          [0, length - part.shape[2]],
          [0, 0],
        ]),
      ),
    ),
  )
}
