import * as tf from '@tensorflow/tfjs-core'
import type { Tensor1D } from '@tensorflow/tfjs-core'
import type { CausalBlock } from './causal-blocks.ts'
import type { AttentionShape } from './attention-shape.ts'
import { inverse } from './permutation.ts'

/**
 * Where the d numbers of a head stand. Projections have them token by token, the heads of a token side by side;
 * attention has them head by head, the tokens of a head one below the other. Moving rows of d numbers to their places
 * costs a quarter of transposing, and gives queries, keys and values apart in one go.
 *
 * Each list has, for the rows of what is made, their places among the rows of what it is made of.
 */
export interface HeadLayout {
  /** By block, `[B, H, n]`: queries, of what is projected `[B, T, H + 2K]`. */
  readonly queries: readonly Tensor1D[]
  /** `[B, K, T]`: keys and values, of what is projected. */
  readonly keys: Tensor1D
  readonly values: Tensor1D
  /** By block, `[B, H, n]`, of `[B, T, H]`: what belongs to queries, where there is nothing else. */
  readonly byHead: readonly Tensor1D[]
  /** `[B, T, H]`, of all blocks one below the other: the inverse of `byHead`. */
  readonly byToken: Tensor1D
  /** `[B, T, H + 2K]`, of queries by block, keys and values one below the other: what is projected. */
  readonly projected: Tensor1D
}

export function headLayout(
  { sequences, length, heads, kvHeads }: AttentionShape,
  blocks: readonly CausalBlock[],
): HeadLayout {
  const columns = heads + 2 * kvHeads
  /** Places of `count` heads from `first` on of tokens with `width` heads, of each head and token in turn. */
  const places = (width: number, first: number, count: number, { start, end }: Span): Int32Array => {
    const index = new Int32Array(sequences * count * (end - start))
    let i = 0
    for (let sequence = 0; sequence < sequences; sequence++) {
      for (let head = first; head < first + count; head++) {
        for (let token = start; token < end; token++) {
          index[i++] = (sequence * length + token) * width + head
        }
      }
    }
    return index
  }
  const all = { start: 0, end: length }
  const queries = blocks.map((block) => places(columns, 0, heads, block))
  const keys = places(columns, heads, kvHeads, all)
  const values = places(columns, heads + kvHeads, kvHeads, all)
  const byHead = blocks.map((block) => places(heads, 0, heads, block))
  const tensor = (index: Int32Array) => tf.tensor1d(index, 'int32')
  return {
    queries: queries.map(tensor),
    keys: tensor(keys),
    values: tensor(values),
    byHead: byHead.map(tensor),
    byToken: tensor(inverse(byHead)),
    projected: tensor(inverse([...queries, keys, values])),
  }
}

type Span = Pick<CausalBlock, 'start' | 'end'>
