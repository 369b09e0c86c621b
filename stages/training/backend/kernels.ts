import type { Tensor, Tensor1D, Tensor2D, Tensor4D } from '@tensorflow/tfjs-core'
import type { Parameters } from '../model/parameters.ts'
import type { Optimizer, OptimizerSettings } from '../optimizers/optimizer.ts'
import type { BackendName } from './backend.ts'
import { tensorflowKernels } from './tensorflow-kernels.ts'
import { wasmKernels } from './wasm-kernels.ts'
import { webgpuKernels } from './webgpu-kernels.ts'

/**
 * A softmax `[n, V]` as `powers` `[n, V]` times `shares` `[n, 1]`, which whoever makes a narrower product of the powers
 * can multiply by later; none where the powers are the softmax itself.
 */
export interface Softmax {
  readonly powers: Tensor2D
  readonly shares?: Tensor2D
  /** ln Σ e^z of each row of logits, `[n]`. */
  readonly logSums: Tensor1D
}

/**
 * The few operations of a training step that differ between back ends, because one of them lacks the operation, has a
 * faster way to it, or does several in one go. Everything else is written once, on tfjs-core.
 * Results belong to the caller, or to the tidy that runs.
 */
export interface Kernels {
  /** a·b of matrices, with either operand transposed. */
  matMul(a: Tensor2D, b: Tensor2D, transposeA?: boolean, transposeB?: boolean): Tensor2D
  /** a·b of each pair of matrices, `[m, n, i, k]·[m, n, k, j]`, with either operand transposed. */
  batchMatMul(a: Tensor4D, b: Tensor4D, transposeA?: boolean, transposeB?: boolean): Tensor4D
  /**
   * Numbers that stand next to each other are the real and the imaginary part of one. Each of `x` `[B·T, C]` times the
   * one at its place in `factors` `[T, C]`.
   */
  complexProduct(x: Tensor2D, factors: Tensor2D): Tensor2D
  /**
   * Element i of the result's first dimension is element `rows[i]` of that of `x`. Rows that are gathered of several
   * tensors come as a tensor, made once.
   */
  gatherRows<T extends Tensor>(x: T, rows: Int32Array | Tensor1D): T
  /** The softmax of each row of logits `[n, V]`. */
  softmax(logits: Tensor2D): Softmax
  /** σ·(1 − σ)·y, of the same shape as `sigmoid` σ and `y`. */
  sigmoidGradient(sigmoid: Tensor2D, y: Tensor2D): Tensor2D
  /** `[count, C]`: row r is the sum of the rows i of `x` with `index[i]` = r. */
  sumRowsBy(index: Int32Array, x: Tensor2D, count: number): Tensor2D
  /** Euclidean norm of all tensors together. */
  globalNorm(tensors: Iterable<Tensor>): Promise<number>
  /** Updates all parameters by a rule, which remembers nothing yet. */
  optimizer(parameters: Parameters, settings: OptimizerSettings): Optimizer
}

const kernels: Readonly<Record<BackendName, () => Kernels>> = {
  tensorflow: tensorflowKernels,
  webgpu: webgpuKernels,
  wasm: wasmKernels,
}

/** @param backend name of tfjs-core's active back end */
export function kernelsOf(backend: BackendName): Kernels {
  return kernels[backend]()
}
