import * as tf from '@tensorflow/tfjs-core'
import type { Tensor2D, Tensor3D } from '@tensorflow/tfjs-core'
import { tidy } from '../backend/tidy.ts'
import type { Kernels } from '../backend/kernels.ts'
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
  /** `[1, G·T, T]`: 0 where a query sees a key, a large negative number where the key is in its future. */
  readonly mask: Tensor3D
}

export interface AttentionActivations {
  /** Turned, and scaled by 1/√d, `[B·K, G·T, d]`: the queries that share a key/value head stand one below the other. */
  readonly queries: Tensor3D
  /** Turned, `[B·K, T, d]`. */
  readonly keys: Tensor3D
  /** `[B·K, T, d]`. */
  readonly values: Tensor3D
  /** `[B·K, G·T, T]`; absent where it is cheaper made twice than kept. */
  readonly probabilities?: Tensor3D
  /** What the output projection is applied to, `[B·T, D]`. */
  readonly mixed: Tensor2D
}

/** Large enough to vanish in a softmax, and small enough to stay finite when scores are added. */
const masked = -1e9

export function causalMask(length: number, group: number): Tensor3D {
  const mask = new Float32Array(group * length * length)
  for (let i = 0; i < mask.length; i++) {
    const query = Math.floor(i / length) % length
    if (i % length > query) mask[i] = masked
  }
  return tf.tensor3d(mask, [1, group * length, length])
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
    const { sequences, length, heads, kvHeads, width } = shape
    const project = (weight: Tensor2D, n: number) => toHeads(kernels.matMul(x, weight, false, true), shape, n)
    const queryWeight: Tensor2D = tf.mul(weights.query, scale(shape))
    const perGroup = [sequences * kvHeads, (heads / kvHeads) * length, width] as const
    const queries: Tensor3D = tf.reshape(rotate(kernels, project(queryWeight, heads), tables.rotary), [...perGroup])
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

    const headGradient: Tensor3D = tf.reshape(toHeads(mixedGradient, shape, heads), queries.shape)
    const probabilities = kept ?? attend(kernels, queries, keys, tables.mask)
    const valueGradient = kernels.batchMatMul(probabilities, headGradient, true)
    // Σ dP·P over the keys of a query is Σ dO·O over the width of a head (Dao et al., arXiv 2205.14135), a smaller sum.
    const sums = tf.sum(tf.reshape(tf.mul(mixedGradient, mixed), [sequences, length, heads, width]), 3)
    const sumsByHead = tf.reshape(tf.transpose(sums, [0, 2, 1]), [...queries.shape.slice(0, 2), 1])
    const probabilityGradient = kernels.batchMatMul(headGradient, values, false, true)
    const scoreGradient: Tensor3D = tf.mul(probabilities, tf.sub(probabilityGradient, sumsByHead))
    const queryGradient: Tensor3D = tf.reshape(kernels.batchMatMul(scoreGradient, keys), [
      sequences * heads,
      length,
      width,
    ])
    const keyGradient = kernels.batchMatMul(scoreGradient, queries, true)

    const toQuery = fromHeads(rotateBackward(kernels, queryGradient, tables.rotary), shape, heads)
    const toKey = fromHeads(rotateBackward(kernels, keyGradient, tables.rotary), shape, kvHeads)
    const toValue = fromHeads(valueGradient, shape, kvHeads)
    const input: Tensor2D = tf.addN([
      kernels.matMul(toQuery, tf.mul(weights.query, scale(shape))),
      kernels.matMul(toKey, weights.key),
      kernels.matMul(toValue, weights.value),
    ])
    return {
      input,
      weights: {
        query: tf.mul<Tensor2D>(kernels.matMul(toQuery, x, true), scale(shape)),
        key: kernels.matMul(toKey, x, true),
        value: kernels.matMul(toValue, x, true),
        output,
      },
    }
  })
}

/** Of the scores. It is applied to the query weights, which are smaller than anything that comes after them. */
function scale({ width }: AttentionShape): number {
  return 1 / Math.sqrt(width)
}

function attend(kernels: Kernels, queries: Tensor3D, keys: Tensor3D, mask: Tensor3D): Tensor3D {
  return tidy(() => tf.softmax(tf.add<Tensor3D>(kernels.batchMatMul(queries, keys, false, true), mask)))
}

/** `[B·T, n·d]` to `[B·n, T, d]`. */
function toHeads(x: Tensor2D, { sequences, length, width }: AttentionShape, n: number): Tensor3D {
  return tidy(() =>
    tf.reshape(tf.transpose(tf.reshape(x, [sequences, length, n, width]), [0, 2, 1, 3]), [sequences * n, length, width]),
  )
}

/** The inverse of `toHeads`; x may be any shape of `[B, n, T, d]`'s order. */
function fromHeads(x: Tensor3D, { sequences, length, width }: AttentionShape, n: number): Tensor2D {
  return tidy(() =>
    tf.reshape(tf.transpose(tf.reshape(x, [sequences, n, length, width]), [0, 2, 1, 3]), [sequences * length, n * width]),
  )
}
