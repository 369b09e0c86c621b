import * as tf from '@tensorflow/tfjs-core'
import type { Tensor2D, Tensor4D } from '@tensorflow/tfjs-core'
import type { Kernels } from '../backend/kernels.ts'
import { tidy } from '../backend/tidy.ts'
import { rotate, rotateBackward, type Rotary } from './rotary.ts'

/** Causal self-attention of B sequences of T tokens; `heads` H and `kvHeads` K of width d, G = H/K. */
export interface AttentionShape {
  readonly sequences: number
  readonly length: number
  readonly heads: number
  readonly kvHeads: number
  readonly width: number
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
  /** `[G·T, T]`: 0 where a query sees a key, a large negative number where the key is in its future. */
  readonly mask: Tensor2D
}

export interface AttentionActivations {
  /** Turned, and scaled by 1/√d, `[B, K, G·T, d]`: the queries that share a key/value head stand one below the other. */
  readonly queries: Tensor4D
  /** Turned, `[B, K, T, d]`. */
  readonly keys: Tensor4D
  /** `[B, K, T, d]`. */
  readonly values: Tensor4D
  /** `[B, K, G·T, T]`; absent where they are made again to save memory. */
  readonly probabilities?: Tensor4D
  /** What the output projection is applied to, `[B·T, D]`. */
  readonly mixed: Tensor2D
}

/** Large enough to vanish in a softmax, and small enough to stay finite when scores are added. */
const masked = -1e9

export function causalMask(length: number, group: number): Tensor2D {
  const mask = new Float32Array(group * length * length)
  for (let i = 0; i < mask.length; i++) {
    const query = Math.floor(i / length) % length
    if (i % length > query) mask[i] = masked
  }
  return tf.tensor2d(mask, [group * length, length])
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
    const project = (weight: Tensor2D, n: number) => toHeads(kernels.matMul(x, weight, false, true), shape, n)
    // The query weights are smaller than anything that the scale could be applied to after them.
    const turned = rotate(kernels, project(tf.mul(weights.query, scale(shape)), heads), tables.rotary)
    const queries = group(turned, shape)
    const keys = rotate(kernels, project(weights.key, kvHeads), tables.rotary)
    const values = project(weights.value, kvHeads)
    const probabilities = attend(kernels, queries, keys, tables.mask)
    const mixed = fromHeads(kernels.batchMatMul(probabilities, values), shape, heads)
    const output = kernels.matMul(mixed, weights.output, false, true)
    return { output, activations: { queries, keys, values, mixed, ...(keep && { probabilities }) } }
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
    const probabilities = kept ?? attend(kernels, queries, keys, tables.mask)
    const valueGradient = kernels.batchMatMul(probabilities, headGradient, true)
    // Σ dP·P over the keys of a query is Σ dO·O over the width of a head (Dao et al., arXiv 2205.14135), a smaller sum.
    const sums = tf.sum(tf.reshape(tf.mul(mixedGradient, mixed), [sequences, length, heads, width]), 3)
    const sumsByHead = tf.reshape(tf.transpose(sums, [0, 2, 1]), [...queries.shape.slice(0, 3), 1])
    const probabilityGradient = kernels.batchMatMul(headGradient, values, false, true)
    const scoreGradient: Tensor4D = tf.mul(probabilities, tf.sub(probabilityGradient, sumsByHead))
    const queryGradient = ungroup(kernels.batchMatMul(scoreGradient, keys), shape)
    const keyGradient = kernels.batchMatMul(scoreGradient, queries, true)

    // Queries, keys and values side by side: one product each for the input and for the weights.
    const projected = tf.concat4d(
      [
        rotateBackward(kernels, queryGradient, tables.rotary),
        rotateBackward(kernels, keyGradient, tables.rotary),
        valueGradient,
      ],
      1,
    )
    const together = fromHeads(projected, shape, heads + 2 * kvHeads)
    const scaled = tf.mul<Tensor2D>(weights.query, scale(shape))
    const input = kernels.matMul(together, tf.concat2d([scaled, weights.key, weights.value], 0))
    const sizes = [heads, kvHeads, kvHeads].map((n) => n * width)
    const [query, key, value] = tf.split<Tensor2D>(kernels.matMul(together, x, true), sizes)
    return { input, weights: { query: tf.mul<Tensor2D>(query, scale(shape)), key, value, output } }
  })
}

/** Of the scores. */
function scale({ width }: AttentionShape): number {
  return 1 / Math.sqrt(width)
}

function attend(kernels: Kernels, queries: Tensor4D, keys: Tensor4D, mask: Tensor2D): Tensor4D {
  return tidy(() => tf.softmax(tf.add<Tensor4D>(kernels.batchMatMul(queries, keys, false, true), mask)))
}

/** `[B·T, n·d]` to `[B, n, T, d]`. */
function toHeads(x: Tensor2D, { sequences, length, width }: AttentionShape, n: number): Tensor4D {
  return tidy(() => tf.transpose(tf.reshape(x, [sequences, length, n, width]) as Tensor4D, [0, 2, 1, 3]))
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
