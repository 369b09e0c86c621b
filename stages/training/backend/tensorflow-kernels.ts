import * as tf from '@tensorflow/tfjs-core'
import type { Tensor2D } from '@tensorflow/tfjs-core'
import { tidy } from './tidy.ts'
import type { Kernels } from './kernels.ts'
import { resourceAdamW } from './tensorflow-adamw.ts'

/** aᵀ·b costs twice the time where a is this many times as wide as b; the transpose of bᵀ·a does not. */
const wideOperand = 8

/** Kernels on TensorFlow's own operations, through @tensorflow/tfjs-node-gpu. */
export function tensorflowKernels(): Kernels {
  const multiply = (a: Tensor2D, b: Tensor2D, transposeA: boolean, transposeB: boolean): Tensor2D =>
    tf.matMul(a, b, transposeA, transposeB)

  return {
    matMul(a, b, transposeA = false, transposeB = false) {
      if (!transposeA || transposeB || a.shape[1] < wideOperand * b.shape[1]) {
        return multiply(a, b, transposeA, transposeB)
      }
      return tidy(() => tf.transpose(multiply(b, a, true, false)))
    },

    batchMatMul: (a, b, transposeA = false, transposeB = false) => tf.matMul(a, b, transposeA, transposeB),

    gatherRows: (x, rows) => tidy(() => tf.gather(x, tf.tensor1d(rows, 'int32'))),

    sumRowsBy: (index, x, count) =>
      tidy(() => tf.unsortedSegmentSum(x, tf.tensor1d(index, 'int32'), count)),

    adamW: resourceAdamW,
  }
}
