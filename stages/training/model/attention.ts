import * as tf from '@tensorflow/tfjs-core'
import type { Tensor2D, Tensor4D } from '@tensorflow/tfjs-core'
import type { Kernels } from '../backend/kernels.ts'
import { tidy } from '../backend/tidy.ts'
import { joinQueries, keysOf, queriesOf, sumKeys, type CausalBlock } from './causal-blocks.ts'
import { attentionChunks } from './memory.ts'
import { pairedRows, splitRows, type HeadSizes, type Rotary } from './rotary.ts'

/** Causal self-attention of B sequences of T tokens; `heads` H and `kvHeads` K of width d, G = H/K. */
export interface AttentionShape extends HeadSizes {
  readonly sequences: number
  readonly length: number
}

/** Projections, `[out, in]`. */
export interface AttentionWeights {
  readonly query: Tensor2D
  readonly key: Tensor2D
  readonly value: Tensor2D
  readonly output: Tensor2D
}

/** What does not depend on the tokens. */
export interface AttentionTables {
  readonly rotary: Rotary
  /** In which attention is worked out one after the other. */
  readonly blocks: readonly CausalBlock[]
}

export interface AttentionActivations {
  /** Turned, and scaled by 1/√d, `[B, K, G·T, d]`, with paired rows: queries that share a key/value head stand one below the other. */
  readonly queries: Tensor4D
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
    const { heads, kvHeads } = shape
    const projected = kernels.matMul(x, jointWeights(kernels, weights, shape), false, true)
    const turned = kernels.complexProduct(projected, tables.rotary.turn)
    const parts = tf.split<Tensor4D>(
      toHeads(turned, shape, heads + 2 * kvHeads),
      [heads, kvHeads, kvHeads],
      1,
    )
    const [queries, keys, values] = [group(parts[0], shape), parts[1], parts[2]]
    const { blocks } = tables
    const probabilities = keep ? attend(kernels, queries, keys, blocks, shape) : undefined
    const [perHead] = probabilities
      ? [mix(kernels, probabilities, values, blocks, shape)]
      : inChunks(shape, [queries, keys, values], ([q, k, v]) => [
          mix(kernels, attend(kernels, q, k, blocks, shape), v, blocks, shape),
        ])
    const mixed = fromHeads(perHead, shape, heads)
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
  tables: AttentionTables,
  shape: AttentionShape,
  { queries, keys, values, mixed, probabilities: kept }: AttentionActivations,
): { input: Tensor2D; weights: AttentionWeights } {
  return tidy(() => {
    const { sequences, length, heads, kvHeads, width } = shape
    const mixedGradient = kernels.matMul(gradient, weights.output)
    const output = kernels.matMul(gradient, mixed, true)

    const headGradient = group(toHeads(mixedGradient, shape, heads), shape)
    // Σ dP·P over the keys of a query is Σ dO·O over the width of a head (Dao et al., arXiv 2205.14135), a smaller sum.
    const sums = tf.sum(tf.reshape(tf.mul(mixedGradient, mixed), [sequences, length, heads, width]), 3)
    const sumsByHead = tf.reshape(tf.transpose(sums, [0, 2, 1]), [...queries.shape.slice(0, 3), 1])
    const inputs = [queries, keys, values, headGradient, sumsByHead] as Tensor4D[]
    const [queryGradient, keyGradient, valueGradient] = kept
      ? mixBackward(kernels, inputs, kept, tables.blocks, shape)
      : inChunks(shape, inputs, (some) => {
          const probabilities = attend(kernels, some[0], some[1], tables.blocks, shape)
          return mixBackward(kernels, some, probabilities, tables.blocks, shape)
        })

    const turned = fromHeads(
      tf.concat4d([ungroup(queryGradient, shape), keyGradient, valueGradient], 1),
      shape,
      heads + 2 * kvHeads,
    )
    const projected = kernels.complexProduct(turned, tables.rotary.turnBack)
    const joint = kernels.gatherRows(kernels.matMul(projected, x, true), splitRows(shape))
    const [query, key, value] = tf.split<Tensor2D>(
      joint,
      [heads, kvHeads, kvHeads].map((n) => n * width),
    )
    const input = kernels.matMul(projected, jointWeights(kernels, weights, shape))
    return { input, weights: { query, key, value, output } }
  })
}

/** `[(H + 2K)·d, D]`: the projections to queries, keys and values, with paired rows. */
function jointWeights(
  kernels: Kernels,
  { query, key, value }: AttentionWeights,
  shape: AttentionShape,
): Tensor2D {
  return tidy(() => kernels.gatherRows(tf.concat2d([query, key, value], 0), pairedRows(shape)))
}

/** By block, the softmax of scaled scores `[B, K, G·n, end]`. */
function attend(
  kernels: Kernels,
  queries: Tensor4D,
  keys: Tensor4D,
  blocks: readonly CausalBlock[],
  { length }: AttentionShape,
): Tensor4D[] {
  return blocks.map((block) =>
    tidy(() => {
      const scores = kernels.batchMatMul(queriesOf(queries, block, length), keysOf(keys, block), false, true)
      return tf.softmax(tf.add<Tensor4D>(scores, block.mask))
    }),
  )
}

/** `[B, K, G·T, d]`: means of the values that the queries see, by their probabilities. */
function mix(
  kernels: Kernels,
  probabilities: readonly Tensor4D[],
  values: Tensor4D,
  blocks: readonly CausalBlock[],
  { length }: AttentionShape,
): Tensor4D {
  return tidy(() => {
    const parts = blocks.map((block, i) => kernels.batchMatMul(probabilities[i], keysOf(values, block)))
    return joinQueries(parts, blocks, length)
  })
}

/**
 * Gradients of queries, keys and values.
 *
 * @param inputs queries, keys, values, the gradient of what was mixed, and the row sums Σ dP·P
 */
function mixBackward(
  kernels: Kernels,
  [queries, keys, values, gradient, sums]: readonly Tensor4D[],
  probabilities: readonly Tensor4D[],
  blocks: readonly CausalBlock[],
  { length }: AttentionShape,
): Tensor4D[] {
  return tidy(() => {
    const parts = blocks.map((block, i) =>
      tidy(() => {
        const [own, ownGradient, ownSums] = [queries, gradient, sums].map((x) => queriesOf(x, block, length))
        const [seen, seenValues] = [keys, values].map((x) => keysOf(x, block))
        const scores = tidy(() => {
          const probabilityGradient = kernels.batchMatMul(ownGradient, seenValues, false, true)
          return tf.mul<Tensor4D>(probabilities[i], tf.sub(probabilityGradient, ownSums))
        })
        return {
          query: kernels.batchMatMul(scores, seen),
          key: kernels.batchMatMul(scores, own, true),
          value: kernels.batchMatMul(probabilities[i], ownGradient, true),
        }
      }),
    )
    return [
      joinQueries(
        parts.map(({ query }) => query),
        blocks,
        length,
      ),
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

/** `[B·T, n·d]` to `[B, n, T, d]`. */
function toHeads(x: Tensor2D, { sequences, length, width }: AttentionShape, n: number): Tensor4D {
  return tidy(() => tf.transpose(tf.reshape<tf.Rank.R4>(x, [sequences, length, n, width]), [0, 2, 1, 3]))
}

/** The inverse of `toHeads`, also of `[B, K, G·T, d]`. */
function fromHeads(x: Tensor4D, shape: AttentionShape, n: number): Tensor2D {
  const { sequences, length, width } = shape
  return tidy(() => {
    const perHead = n === x.shape[1] ? x : ungroup(x, shape)
    return tf.reshape(tf.transpose(perHead, [0, 2, 1, 3]), [sequences * length, n * width])
  })
}

/** `[B, H, T, d]` to `[B, K, G·T, d]`, in the same order. */
function group(x: Tensor4D, { sequences, length, heads, kvHeads, width }: AttentionShape): Tensor4D {
  return heads === kvHeads ? x : tf.reshape(x, [sequences, kvHeads, (heads / kvHeads) * length, width])
}

/** The inverse of `group`. */
function ungroup(x: Tensor4D, { sequences, length, heads, kvHeads, width }: AttentionShape): Tensor4D {
  return heads === kvHeads ? x : tf.reshape(x, [sequences, heads, length, width])
}
