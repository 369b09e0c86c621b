import type { Tensor2D } from '@tensorflow/tfjs-core'
import type { Kernels } from '../backend/kernels.ts'

/** `[N, D]`: the rows of the embedding matrix `[V, D]` at `tokens` `[N]`. */
export function embed(kernels: Kernels, matrix: Tensor2D, tokens: Int32Array): Tensor2D {
  return kernels.gatherRows(matrix, tokens)
}

/** `[V, D]` gradient of the embedding matrix, from that of its output `[N, D]`. */
export function embedBackward(
  kernels: Kernels,
  gradient: Tensor2D,
  tokens: Int32Array,
  vocabulary: number,
): Tensor2D {
  return kernels.sumRowsBy(tokens, gradient, vocabulary)
}
