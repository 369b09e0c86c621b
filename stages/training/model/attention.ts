import * as tf from '@tensorflow/tfjs-core'
import type { Tensor1D, Tensor2D, Tensor4D } from '@tensorflow/tfjs-core'
import type { Kernels } from '../backend/kernels.ts'
import { tidy } from '../backend/tidy.ts'
import type { AttentionShape } from './attention-shape.ts'
import type { AttentionTables } from './attention-tables.ts'
import { keysOf, sumKeys, type CausalBlock } from './causal-blocks.ts'
import { attentionChunks } from './memory.ts'
import type { Rotary } from './rotary.ts'

/** Projections, `[out, in]`. */
export interface AttentionWeights {
  readonly query: Tensor2D
  readonly key: Tensor2D
  readonly value: Tensor2D
  readonly output: Tensor2D
}

export interface AttentionActivations {
  /**
   * Turned, and scaled by 1/√d, with paired rows; by block, `[B, K, G·n, d]`: queries that share a key/value head stand
   * one below the other.
   */
  readonly queries: readonly Tensor4D[]
  /** Turned, `[B, K, T, d]`, with paired rows. */
  readonly keys: Tensor4D
  /** `[B, K, T, d]`. */
  readonly values: Tensor4D
  /** By block, `[B, K, G·n, end]`; absent where they are made again to save memory. */
  readonly probabilities?: readonly Tensor4D[]
  /** What the output projection is applied to, `[B·T, D]`. */
  readonly mixed: Tensor2D
}

/**
 * @param x `[B·T, D]`
 * @param keep whether the activations hold the attention probabilities
 */
export function attention(
  kernels: Kernels,
  x: Tensor2D,
  weights: AttentionWeights,
  tables: AttentionTables,
  shape: AttentionShape,
  keep: boolean,
): { output: Tensor2D; activations: AttentionActivations } {
  return tidy(() => {
    const { blocks, layout, rotary } = tables
    const projected = kernels.matMul(x, jointWeights(kernels, weights, rotary), false, true)
    const rows = rowsOfHeads(kernels.complexProduct(projected, rotary.turn), shape)
    const queries = layout.queries.map((places) => toHeads(kernels, rows, places, shape))
    const [keys, values] = [layout.keys, layout.values].map((places) => toHeads(kernels, rows, places, shape))
    const probabilities = keep ? attend(kernels, queries, keys, blocks) : undefined
    const perHead = probabilities
      ? mix(kernels, probabilities, values, blocks)
      : inChunks(shape, [...queries, keys, values], (some) => {
          const [seen, seenValues] = some.slice(blocks.length)
          return mix(kernels, attend(kernels, some, seen, blocks), seenValues, blocks)
        })
    const mixed = fromHeads(kernels, perHead, layout.byToken, x.shape[0])
    const output = kernels.matMul(mixed, weights.output, false, true)
    return { output, activations: { queries, keys, values, mixed, ...(probabilities && { probabilities }) } }
  })
}

/** Gradients of the input `[B·T, D]` and of the weights, from that of the output `[B·T, D]`. */
export function attentionBackward(
  kernels: Kernels,
  gradient: Tensor2D,
  x: Tensor2D,
  weights: AttentionWeights,
  { blocks, layout, rotary }: AttentionTables,
  shape: AttentionShape,
  { queries, keys, values, mixed, probabilities: kept }: AttentionActivations,
): { input: Tensor2D; weights: AttentionWeights } {
  return tidy(() => {
    const { heads, kvHeads, width } = shape
    const mixedGradient = kernels.matMul(gradient, weights.output)
    const output = kernels.matMul(gradient, mixed, true)

    const rows = rowsOfHeads(mixedGradient, shape)
    const headGradients = layout.byHead.map((places) => toHeads(kernels, rows, places, shape))
    // Σ dP·P over the keys of a query is Σ dO·O over the width of a head (Dao et al., arXiv 2205.14135), a smaller sum.
    const sums = kernels.matMul(rowsOfHeads(tf.mul(mixedGradient, mixed), shape), tf.ones([width, 1]))
    const headSums = layout.byHead.map((places) => toHeads(kernels, sums, places, shape))
    const inputs = [...queries, ...headGradients, ...headSums, keys, values]
    const gradients = kept
      ? mixBackward(kernels, inputs, kept, blocks)
      : inChunks(shape, inputs, (some) => {
          const seen = some[3 * blocks.length]
          return mixBackward(kernels, some, attend(kernels, some, seen, blocks), blocks)
        })

    const turned = fromHeads(kernels, gradients, layout.projected, x.shape[0])
    const projected = kernels.complexProduct(turned, rotary.turnBack)
    const joint = kernels.gatherRows(kernels.matMul(projected, x, true), rotary.unpaired)
    const [query, key, value] = tf.split<Tensor2D>(
      joint,
      [heads, kvHeads, kvHeads].map((n) => n * width),
    )
    const input = kernels.matMul(projected, jointWeights(kernels, weights, rotary))
    return { input, weights: { query, key, value, output } }
  })
}

/** `[(H + 2K)·d, D]`: the projections to queries, keys and values, with paired rows. */
function jointWeights(
  kernels: Kernels,
  { query, key, value }: AttentionWeights,
  { paired }: Rotary,
): Tensor2D {
  return tidy(() => kernels.gatherRows(tf.concat2d([query, key, value], 0), paired))
}

/** By block, the softmax of scaled scores `[B, K, G·n, end]`. */
function attend(
  kernels: Kernels,
  queries: readonly Tensor4D[],
  keys: Tensor4D,
  blocks: readonly CausalBlock[],
): Tensor4D[] {
  return blocks.map((block, i) =>
    tidy(() => {
      const scores = kernels.batchMatMul(queries[i], keysOf(keys, block), false, true)
      return tf.softmax(tf.add<Tensor4D>(scores, block.mask))
    }),
  )
}

/** By block, `[B, K, G·n, d]`: means of the values that the queries see, by their probabilities. */
function mix(
  kernels: Kernels,
  probabilities: readonly Tensor4D[],
  values: Tensor4D,
  blocks: readonly CausalBlock[],
): Tensor4D[] {
  return tidy(() => blocks.map((block, i) => kernels.batchMatMul(probabilities[i], keysOf(values, block))))
}

/**
 * Gradients of queries, by block, of keys and of values.
 *
 * @param inputs by block: queries, gradients of what was mixed, and row sums Σ dP·P `[B, K, G·n, 1]`; keys and values
 */
function mixBackward(
  kernels: Kernels,
  inputs: readonly Tensor4D[],
  probabilities: readonly Tensor4D[],
  blocks: readonly CausalBlock[],
): Tensor4D[] {
  return tidy(() => {
    const n = blocks.length
    const [keys, values] = inputs.slice(3 * n)
    const parts = blocks.map((block, i) =>
      tidy(() => {
        const [own, gradient, sums] = [inputs[i], inputs[n + i], inputs[2 * n + i]]
        const [seen, seenValues] = [keys, values].map((x) => keysOf(x, block))
        const scores = tidy(() => {
          const probabilityGradient = kernels.batchMatMul(gradient, seenValues, false, true)
          return tf.mul<Tensor4D>(probabilities[i], tf.sub(probabilityGradient, sums))
        })
        return {
          query: kernels.batchMatMul(scores, seen),
          key: kernels.batchMatMul(scores, own, true),
          value: kernels.batchMatMul(probabilities[i], gradient, true),
        }
      }),
    )
    const length = keys.shape[2]
    return [
      ...parts.map(({ query }) => query),
      sumKeys(
        parts.map(({ key }) => key),
        length,
      ),
      sumKeys(
        parts.map(({ value }) => value),
        length,
      ),
    ]
  })
}

/** Takes a few sequences at a time, so that their probabilities stay small. All tensors have B in front. */
function inChunks(
  { sequences, length, heads }: AttentionShape,
  inputs: readonly Tensor4D[],
  work: (inputs: readonly Tensor4D[]) => Tensor4D[],
): Tensor4D[] {
  const ends = attentionChunks(sequences, heads, length)
  if (ends.length === 1) return work(inputs)
  return tidy(() => {
    const chunks = ends.map((end, i) => {
      const start = ends[i - 1] ?? 0
      return tidy(() => work(inputs.map((x) => tf.slice4d(x, [start, 0, 0, 0], [end - start, -1, -1, -1]))))
    })
    return chunks[0].map((_, output) =>
      tf.concat4d(
        chunks.map((chunk) => chunk[output]),
        0,
      ),
    )
  })
}

/** `[B·T, n·d]` as a row for each head, `[B·T·n, d]`. */
function rowsOfHeads(x: Tensor2D, { width }: AttentionShape): Tensor2D {
  return tf.reshape(x, [-1, width])
}

/** `[B, K, m, d]`: the rows `[…, d]` at `places`. */
function toHeads(
  kernels: Kernels,
  rows: Tensor2D,
  places: Tensor1D,
  { sequences, kvHeads }: AttentionShape,
): Tensor4D {
  const picked = kernels.gatherRows(rows, places)
  return tf.reshape(picked, [sequences, kvHeads, -1, rows.shape[1]])
}

/** `[B·T, n·d]`: of all rows of `parts`, one below the other, those at `places`. */
function fromHeads(kernels: Kernels, parts: readonly Tensor4D[], places: Tensor1D, tokens: number): Tensor2D {
  return tidy(() => {
    const rows = parts.map((part) => tf.reshape<tf.Rank.R2>(part, [-1, part.shape[3]]))
    return tf.reshape(kernels.gatherRows(tf.concat2d(rows, 0), places), [tokens, -1])
  })
}
