import * as tf from '@tensorflow/tfjs-core'
import type { Tensor } from '@tensorflow/tfjs-core'
import { tidy } from '../backend/tidy.ts'
import type { Kernels } from '../backend/kernels.ts'
import type { AttentionActivations } from './attention.ts'
import type { HeadActivations } from './head.ts'
import type { MlpActivations } from './mlp.ts'
import type { NormActivations } from './rms-norm.ts'

export interface LayerActivations {
  readonly attentionNorm: NormActivations
  readonly attention: AttentionActivations
  readonly mlpNorm: NormActivations
  readonly mlp: MlpActivations
}

/** What backward needs of a forward pass, by layer. Tensors only, but for the sizes. */
export interface Activations {
  /** B. */
  readonly sequences: number
  /** T. */
  readonly length: number
  /** From the first to the last; backward disposes of each when it is done with it. */
  readonly layers: readonly LayerActivations[]
  readonly finalNorm: NormActivations
  readonly head: HeadActivations
}

/**
 * The activations of some sequences. Every tensor has one sequence after the other in its first dimension, as one
 * element or as T of them.
 *
 * @param sequences how many there are, B
 * @param rows those wanted, ascending; undefined for all of them, which copies nothing
 */
export function activationsOf<T extends object>(
  kernels: Kernels,
  activations: T,
  sequences: number,
  rows: Int32Array | undefined,
): T {
  if (!rows) return activations
  const gather = (tensor: Tensor): Tensor => {
    const [first, ...rest] = tensor.shape
    if (first === sequences) return kernels.gatherRows(tensor, rows)
    return tidy(() => {
      const gathered = kernels.gatherRows(tf.reshape(tensor, [sequences, tensor.size / sequences]), rows)
      return tf.reshape(gathered, [(first / sequences) * rows.length, ...rest])
    })
  }
  const select = (node: object): object =>
    node instanceof tf.Tensor
      ? gather(node as Tensor)
      : Object.fromEntries(Object.entries(node).map(([key, value]) => [key, select(value as object)]))
  return select(activations) as T
}
