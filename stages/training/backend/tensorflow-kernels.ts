import * as tf from '@tensorflow/tfjs-core'
import type { Tensor, Tensor1D, Tensor2D, Tensor4D } from '@tensorflow/tfjs-core'
import type { Kernels, Softmax } from './kernels.ts'
import { native } from './tensorflow-operations.ts'
import { tensorflowNorm, tensorflowOptimizer } from './tensorflow-optimizer.ts'
import { tidy } from './tidy.ts'

/** Up to this many numbers, turning a product round costs less than it saves. */
const turnedNumbers = 2 ** 16

/** The square of e^30, summed over any vocabulary, is far from what 32 bits hold, and so is that of e^−30 from 0. */
const moderateLogit = 30

/** Kernels on TensorFlow's own operations, through @tensorflow/tfjs-node-gpu. */
export function tensorflowKernels(): Kernels {
  const { run, float, int32, complex, bool, isOnGpu } = native()

  // By name, because tfjs-core takes BatchMatMulV2 for either, which is a tenth slower.
  function product(a: Tensor2D, b: Tensor2D, transposeA: boolean, transposeB: boolean): Tensor2D {
    const transposed = [bool('transpose_a', transposeA), bool('transpose_b', transposeB)]
    return run('MatMul', [float('T'), ...transposed], [a, b], 1)[0] as Tensor2D
  }

  /**
   * A small product aᵀ·b, as the gradient of a matrix is, takes up to a third less on a CPU where its rows are the longer
   * side.
   */
  function matMul(a: Tensor2D, b: Tensor2D, transposeA = false, transposeB = false): Tensor2D {
    const [rows, columns] = [a.shape[1], b.shape[1]]
    const isTall = transposeA && !transposeB && rows > columns && columns > 1
    return isTall && rows * columns <= turnedNumbers && !isOnGpu
      ? tidy(() => tf.transpose(product(b, a, true, false)))
      : product(a, b, transposeA, transposeB)
  }

  function batchMatMul(a: Tensor4D, b: Tensor4D, transposeA = false, transposeB = false): Tensor4D {
    const transposed = [bool('adj_x', transposeA), bool('adj_y', transposeB)]
    return run('BatchMatMul', [float('T'), ...transposed], [a, b], 1)[0] as Tensor4D
  }

  function complexProduct(x: Tensor2D, factors: Tensor2D): Tensor2D {
    // A view of the same memory.
    const asComplex = (numbers: Tensor2D) => {
      const pairs = tf.reshape(numbers, [-1, factors.size / 2, 2])
      return run('Bitcast', [float('T'), complex('type')], [pairs], 1)[0]
    }
    return tidy(() => {
      const [product] = run('Mul', [complex('T')], [asComplex(x), asComplex(factors)], 1)
      return tf.reshape(run('Bitcast', [complex('T'), float('type')], [product], 1)[0], x.shape)
    })
  }

  function gatherRows<T extends Tensor>(x: T, rows: Int32Array | Tensor1D): T {
    return tidy(() => {
      const index = rows instanceof Int32Array ? tf.tensor1d(rows, 'int32') : rows
      return run('Gather', [float('Tparams'), int32('Tindices')], [x, index], 1)[0] as T
    })
  }

  /**
   * Without a pass over `[n, V]` that divides, with sums as products with a vector, and with none that subtracts where
   * no power can become too large or vanish: half of the time. A GPU would have to be waited for to find that out.
   */
  function softmax(logits: Tensor2D): Softmax {
    return tidy(() => {
      const [rows, columns] = logits.shape
      const largest = tf.max<Tensor2D>(logits, 1, true)
      const isModerate = !isOnGpu && largest.dataSync().every((logit) => Math.abs(logit) <= moderateLogit)
      const powers = tidy(() => tf.exp(isModerate ? logits : tf.sub<Tensor2D>(logits, largest)))
      const sums = matMul(powers, tf.ones([columns, 1]))
      const logs = tf.log<Tensor2D>(sums)
      const logSums = tf.reshape<tf.Rank.R1>(isModerate ? logs : tf.add(logs, largest), [rows])
      return { powers, shares: tf.reciprocal<Tensor2D>(sums), logSums }
    })
  }

  function sigmoidGradient(sigmoid: Tensor2D, y: Tensor2D): Tensor2D {
    return run('SigmoidGrad', [float('T')], [sigmoid, y], 1)[0] as Tensor2D
  }

  return {
    matMul,
    batchMatMul,
    complexProduct,
    gatherRows,
    softmax,
    sigmoidGradient,
    sumRowsBy,
    globalNorm: tensorflowNorm,
    optimizer: tensorflowOptimizer,
  }
}

function sumRowsBy(index: Int32Array, x: Tensor2D, count: number): Tensor2D {
  return tidy(() => tf.unsortedSegmentSum(x, tf.tensor1d(index, 'int32'), count))
}
