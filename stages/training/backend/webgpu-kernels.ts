import * as tf from '@tensorflow/tfjs-core'
import type { Tensor, Tensor1D, Tensor2D, Tensor4D } from '@tensorflow/tfjs-core'
import type { Kernels } from './kernels.ts'
import { portableSigmoidGradient, portableSoftmax } from './portable-kernels.ts'
import { portableNorm } from '../optimizers/portable-norm.ts'
import { portableOptimizer } from '../optimizers/portable-optimizer.ts'
import { tidy } from './tidy.ts'
import { webgpuProgram } from './webgpu-program.ts'

/** Kernels for WebGPU, on programs of our own where tfjs's take several passes or give other sums at each run. */
export function webgpuKernels(): Kernels {
  return {
    matMul,
    batchMatMul,
    complexProduct,
    gatherRows,
    softmax: portableSoftmax,
    sigmoidGradient: portableSigmoidGradient,
    sumRowsBy,
    optimizer: portableOptimizer,
    globalNorm: portableNorm,
  }
}

function matMul(a: Tensor2D, b: Tensor2D, transposeA = false, transposeB = false): Tensor2D {
  return tf.matMul(a, b, transposeA, transposeB)
}

function batchMatMul(a: Tensor4D, b: Tensor4D, transposeA = false, transposeB = false): Tensor4D {
  return tf.matMul(a, b, transposeA, transposeB)
}

const multiplyComplex = webgpuProgram({
  name: 'complex-product',
  inputs: ['x', 'factors'],
  integers: ['period'],
  text: `
    let other = index ^ 1;
    let even = (index / 2) * 2 % uniforms.period;
    let imaginary = select(factors[even + 1], -factors[even + 1], index % 2 == 0);
    let value = x[index] * factors[even] + x[other] * imaginary;`,
})

function complexProduct(x: Tensor2D, factors: Tensor2D): Tensor2D {
  return multiplyComplex(x.shape, [x, factors], { integers: [factors.size] })
}

function gatherRows<T extends Tensor>(x: T, rows: Int32Array | Tensor1D): T {
  return tidy(() => tf.gather(x, rows instanceof Int32Array ? tf.tensor1d(rows, 'int32') : rows))
}

const sumRows = webgpuProgram({
  name: 'sum-rows',
  inputs: ['x', 'order', 'ends'],
  integers: ['columns'],
  text: `
    let row = index / uniforms.columns;
    let column = index % uniforms.columns;
    var value = 0.0;
    for (var i = ends[row]; i < ends[row + 1]; i++) {
      value += x[order[i] * uniforms.columns + column];
    }`,
})

/** tfjs adds in the order in which threads come; this one in that of the rows, and gives the same sum each time. */
function sumRowsBy(index: Int32Array, x: Tensor2D, count: number): Tensor2D {
  const { order, ends } = groupBy(index, count)
  const columns = x.shape[1]
  return tidy(() =>
    sumRows([count, columns], [x, tf.tensor1d(order, 'int32'), tf.tensor1d(ends, 'int32')], {
      integers: [columns],
    }),
  )
}

/**
 * Sorts positions by their group, those of a group ascending.
 * @returns positions in `order`; group g is those from `ends[g]` up to `ends[g + 1]`
 */
function groupBy(index: Int32Array, count: number): { order: Int32Array; ends: Int32Array } {
  const ends = new Int32Array(count + 1)
  for (const group of index) ends[group + 1]++
  for (let group = 0; group < count; group++) ends[group + 1] += ends[group]
  const next = ends.slice()
  const order = new Int32Array(index.length)
  index.forEach((group, position) => (order[next[group]++] = position))
  return { order, ends }
}
