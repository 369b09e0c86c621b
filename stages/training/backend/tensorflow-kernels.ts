import * as tf from '@tensorflow/tfjs-core'
import type { Tensor2D, Tensor4D } from '@tensorflow/tfjs-core'
import type { Kernels } from './kernels.ts'
import { resourceAdamW } from './tensorflow-adamw.ts'
import { tidy } from './tidy.ts'

/** Kernels on TensorFlow's own operations, through @tensorflow/tfjs-node-gpu. */
export function tensorflowKernels(): Kernels {
  return { matMul, batchMatMul, gatherRows, sumRowsBy, adamW: resourceAdamW }
}

/** aᵀ·b takes twice as long as bᵀ·a where a is at least so many times as wide as b; a transpose more is cheaper. */
const wide = 8

function matMul(a: Tensor2D, b: Tensor2D, transposeA = false, transposeB = false): Tensor2D {
  if (!transposeA || transposeB || a.shape[1] < wide * b.shape[1])
    return tf.matMul(a, b, transposeA, transposeB)
  return tidy(() => tf.transpose(tf.matMul<Tensor2D>(b, a, true, false)))
}

function batchMatMul(a: Tensor4D, b: Tensor4D, transposeA = false, transposeB = false): Tensor4D {
  return tf.matMul(a, b, transposeA, transposeB)
}

function gatherRows(x: Tensor2D, rows: Int32Array): Tensor2D {
  return tidy(() => tf.gather(x, tf.tensor1d(rows, 'int32')))
}

function sumRowsBy(index: Int32Array, x: Tensor2D, count: number): Tensor2D {
  return tidy(() => tf.unsortedSegmentSum(x, tf.tensor1d(index, 'int32'), count))
}
