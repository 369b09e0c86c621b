import * as tf from '@tensorflow/tfjs-core'
import type { Tensor } from '@tensorflow/tfjs-core'
import type { Kernels } from '../backend/kernels.ts'
import type { AttentionActivations } from './attention.ts'
import type { HeadActivations } from './head.ts'
import { tokensOfRows } from './kept.ts'
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

/** Takes activations of all sequences and gives those of some. */
export type Gather = <T extends object>(activations: T) => T

/**
 * Gathers the activations of `rows`, ascending sequences of the B of T tokens. Every tensor has one sequence after the
 * other in its first dimension, as one element or as T of them. All of them are no copy.
 */
export function gatherOf(
  kernels: Kernels,
  { sequences, length }: Pick<Activations, 'sequences' | 'length'>,
  rows: Int32Array | undefined,
): Gather {
  if (!rows) return (activations) => activations
  const [ofSequences, ofTokens] = [rows, tokensOfRows(rows, length)].map((index) =>
    tf.tensor1d(index, 'int32'),
  )
  const gatherTensor = (tensor: Tensor) =>
    kernels.gatherRows(tensor, tensor.shape[0] === sequences ? ofSequences : ofTokens)
  const gather = (node: object): object =>
    node instanceof tf.Tensor
      ? gatherTensor(node as Tensor)
      : Array.isArray(node)
        ? node.map((each) => gather(each as object))
        : Object.fromEntries(Object.entries(node).map(([key, value]) => [key, gather(value as object)]))
  return gather as Gather
}
