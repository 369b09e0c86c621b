import * as tf from '@tensorflow/tfjs-core'
import type { Tensor, Tensor1D, Tensor2D, Tensor4D } from '@tensorflow/tfjs-core'
import type { Kernels } from './kernels.ts'
import { portableSigmoidGradient, portableSoftmax } from './portable-kernels.ts'
import { tidy } from './tidy.ts'
import { emptyTensor, memoryOf } from './wasm-memory.ts'
import { memoryNorm, memoryOptimizer } from './wasm-optimizer.ts'

/**
 * Kernels for WebAssembly. Its matrix product is fast for plain pairs of matrices only (30 GFLOP/s against 1 with a
 * transposed operand or a batch), so that operands are transposed and batches taken apart first. What moves rows about
 * is done in its memory, since its own slices copy the whole tensor and its gathers go number by number.
 */
export function wasmKernels(): Kernels {
  return {
    matMul,
    batchMatMul,
    complexProduct,
    gatherRows,
    softmax: portableSoftmax,
    sigmoidGradient: portableSigmoidGradient,
    sumRowsBy,
    globalNorm: memoryNorm,
    optimizer: memoryOptimizer,
  }
}

function matMul(a: Tensor2D, b: Tensor2D, transposeA = false, transposeB = false): Tensor2D {
  return tidy(() => {
    const right: Tensor2D = transposeB ? tf.transpose(b) : b
    if (!transposeA) return tf.matMul(a, right)
    // aᵀ·b is also the transpose of bᵀ·a: whichever transposes fewer numbers.
    const [inner, rows] = a.shape
    const columns = right.shape[1]
    if (inner * rows <= (inner + rows) * columns) return tf.matMul<Tensor2D>(tf.transpose(a), right)
    return tf.transpose(tf.matMul<Tensor2D>(tf.transpose(right), a))
  })
}

function batchMatMul(a: Tensor4D, b: Tensor4D, transposeA = false, transposeB = false): Tensor4D {
  return tidy(() => {
    const left: Tensor4D = transposeA ? tf.transpose(a, [0, 1, 3, 2]) : a
    const right: Tensor4D = transposeB ? tf.transpose(b, [0, 1, 3, 2]) : b
    const [m, n, rows] = left.shape
    const products = emptyTensor<Tensor4D>([m, n, rows, right.shape[3]])
    for (let i = 0; i < m * n; i++) {
      tidy(() => {
        const product: Tensor2D = tf.matMul(matrixOf(left, i), matrixOf(right, i))
        memoryOf(products).set(memoryOf(product), i * product.size)
      })
    }
    return products
  })
}

/** Matrix `i` of a batch, copied. */
function matrixOf(batch: Tensor4D, i: number): Tensor2D {
  const [, , rows, columns] = batch.shape
  const matrix = emptyTensor<Tensor2D>([rows, columns])
  memoryOf(matrix).set(memoryOf(batch).subarray(i * matrix.size, (i + 1) * matrix.size))
  return matrix
}

function complexProduct(x: Tensor2D, factors: Tensor2D): Tensor2D {
  const product = emptyTensor<Tensor2D>(x.shape)
  const [from, by, to] = [memoryOf(x), memoryOf(factors), memoryOf(product)]
  for (let start = 0; start < from.length; start += by.length) {
    for (let i = 0; i < by.length; i += 2) {
      const [real, imaginary] = [from[start + i], from[start + i + 1]]
      to[start + i] = real * by[i] - imaginary * by[i + 1]
      to[start + i + 1] = real * by[i + 1] + imaginary * by[i]
    }
  }
  return product
}

function gatherRows<T extends Tensor>(x: T, rows: Int32Array | Tensor1D): T {
  const index = rows instanceof Int32Array ? rows : (rows.dataSync() as Int32Array)
  const size = x.size / x.shape[0]
  const gathered = emptyTensor<T>([index.length, ...x.shape.slice(1)])
  const [from, to] = [memoryOf(x), memoryOf(gathered)]
  index.forEach((row, i) => to.set(from.subarray(row * size, (row + 1) * size), i * size))
  return gathered
}

function sumRowsBy(index: Int32Array, x: Tensor2D, count: number): Tensor2D {
  const columns = x.shape[1]
  const sums = emptyTensor<Tensor2D>([count, columns])
  const [from, to] = [memoryOf(x), memoryOf(sums).fill(0)]
  index.forEach((row, i) => {
    for (let column = 0; column < columns; column++) to[row * columns + column] += from[i * columns + column]
  })
  return sums
}
