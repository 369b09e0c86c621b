import * as tf from '@tensorflow/tfjs-core'
import type { Tensor, Tensor2D, Tensor3D, TensorInfo } from '@tensorflow/tfjs-core'
import { tidy } from './tidy.ts'
import { flatAdamW } from '../optimizer/flat-adamw.ts'
import type { Kernels } from './kernels.ts'

/** The part of @tensorflow/tfjs-backend-wasm's back end that is about a tensor's memory. */
interface WasmBackend {
  typedArrayFromHeap(tensor: Tensor): Float32Array
  makeOutput(shape: readonly number[], dtype: 'float32'): TensorInfo
}

/**
 * Kernels for WebAssembly. Its matrix product is fast for plain pairs of matrices only (30 GFLOP/s against 1 with a
 * transposed operand or a batch), so that operands are transposed and batches taken apart first. Its memory is plain
 * memory: what moves rows about is done there, without a copy.
 */
export function wasmKernels(): Kernels {
  const backend = tf.backend() as unknown as WasmBackend
  /** Valid until the next tensor is made: memory that grows moves. */
  const memory = (tensor: Tensor) => backend.typedArrayFromHeap(tensor)
  /** A tensor whose contents are about to be written. */
  const empty = <T extends Tensor>(shape: number[]): T =>
    
    tf.engine().makeTensorFromTensorInfo(backend.makeOutput(shape, 'float32')) as T

  return {
    matMul: (a, b, transposeA = false, transposeB = false) =>
      tidy(() => tf.matMul(transposeA ? tf.transpose(a) : a, transposeB ? tf.transpose(b) : b)),

    batchMatMul: (a, b, transposeA = false, transposeB = false) =>
      tidy(() => {
        const left = tf.unstack(transposeA ? tf.transpose(a, [0, 2, 1]) : a) as Tensor2D[]
        const right = tf.unstack(transposeB ? tf.transpose(b, [0, 2, 1]) : b) as Tensor2D[]
        return tf.stack(left.map((matrix, i) => tf.matMul(matrix, right[i]))) as Tensor3D
      }),

    gatherRows(x, rows) {
      const columns = x.shape[1]
      const gathered = empty<Tensor2D>([rows.length, columns])
      const [from, to] = [memory(x), memory(gathered)]
      rows.forEach((row, i) => to.set(from.subarray(row * columns, (row + 1) * columns), i * columns))
      return gathered
    },

    sumRowsBy(index, x, count) {
      const columns = x.shape[1]
      const sums = tf.zeros<tf.Rank.R2>([count, columns])
      const [from, to] = [memory(x), memory(sums)]
      index.forEach((row, i) => {
        for (let column = 0; column < columns; column++)
          to[row * columns + column] += from[i * columns + column]
      })
      return sums
    },

    adamW: flatAdamW,
  }
}
