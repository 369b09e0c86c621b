import * as tf from '@tensorflow/tfjs-core'
import type { Tensor1D, Tensor2D } from '@tensorflow/tfjs-core'
import type { Kernels, Softmax } from '../backend/kernels.ts'
import { tidy } from '../backend/tidy.ts'
import { logitChunks } from './memory.ts'

export interface HeadActivations {
  /** Input of the head, `[N, D]`. */
  readonly hidden: Tensor2D
  /** By chunk of n tokens, the prediction of each next token `[n, V]`; absent where they are made again. */
  readonly predictions?: readonly Prediction[]
}

export type Prediction = Pick<Softmax, 'powers' | 'shares'>

/**
 * Cross-entropy of a linear head, in chunks of tokens, so that logits `[N, V]` are never held whole.
 *
 * The gradient by the logits, softmax − onehot, is never made: only the softmax is as wide as the vocabulary, and what
 * belongs to the target is a row of the matrix. A softmax costs a third of TensorFlow's fused cross-entropy.
 *
 * @param hidden `[N, D]`; it becomes part of the activations
 * @param matrix `[V, D]`
 * @param targets `[N]`
 * @param keep whether the activations hold the predictions
 * @returns losses `[N]` in nats
 */
export function head(
  kernels: Kernels,
  hidden: Tensor2D,
  matrix: Tensor2D,
  targets: Int32Array,
  keep: boolean,
): { losses: Tensor1D; activations: HeadActivations } {
  return tidy(() => {
    const chunks = ranges(logitChunks(hidden.shape[0], matrix.shape[0])).map(([start, end]) =>
      tidy(() => {
        const logits = kernels.matMul(rowsBetween(hidden, start, end), matrix, false, true)
        const { logSums, ...prediction } = kernels.softmax(logits)
        return { logSums, ...(keep && { prediction }) }
      }),
    )
    const targetLogits = tf.sum(tf.mul(hidden, kernels.gatherRows(matrix, targets)), 1)
    const losses: Tensor1D = tf.sub(tf.concat1d(chunks.map(({ logSums }) => logSums)), targetLogits)
    const predictions = chunks.flatMap(({ prediction }) => prediction ?? [])
    return { losses, activations: { hidden, ...(keep && { predictions }) } }
  })
}

/**
 * Backward of the weighted sum of the kept tokens' losses.
 *
 * @param kept ascending indices of tokens; undefined for all N
 * @param weights one for each kept token
 * @returns gradients of the kept tokens' hidden states `[kept, D]` and of the matrix `[V, D]`
 */
export function headBackward(
  kernels: Kernels,
  { hidden, predictions }: HeadActivations,
  matrix: Tensor2D,
  targets: Int32Array,
  kept: Int32Array | undefined,
  weights: Float32Array,
): { hidden: Tensor2D; matrix: Tensor2D } {
  return tidy(() => {
    const vocabulary = matrix.shape[0]
    const keptHidden = kept ? kernels.gatherRows(hidden, kept) : hidden
    const keptTargets = kept ? kept.map((token) => targets[token]) : targets
    const column = tf.tensor2d(weights, [weights.length, 1])
    // Tokens are weighted where they are D wide rather than V.
    const weighted: Tensor2D = tf.mul(keptHidden, column)
    const ends = logitChunks(hidden.shape[0], vocabulary)
    const chunks = predictions
      ? ranges(ends.map((end) => (kept ? lowerBound(kept, end) : end)))
      : ranges(logitChunks(keptHidden.shape[0], vocabulary))

    const expected: Tensor2D[] = []
    // `[D, V]`, turned once at the end: back ends are slow to make it the other way round.
    let weightedSums: Tensor2D | undefined
    chunks.forEach(([start, end], i) => {
      if (start === end) return
      const before = weightedSums
      const [rows, sums] = tidy(() => {
        const { powers, shares } = predictions
          ? keptRows(kernels, predictions[i], kept?.subarray(start, end), ends[i - 1] ?? 0)
          : kernels.softmax(kernels.matMul(rowsBetween(keptHidden, start, end), matrix, false, true))
        const own = kernels.matMul(shared(rowsBetween(weighted, start, end), shares), powers, true)
        return [shared(kernels.matMul(powers, matrix), shares), before ? tf.add<Tensor2D>(before, own) : own]
      })
      before?.dispose()
      expected.push(rows)
      weightedSums = sums
    })
    const difference = tf.sub(tf.concat2d(expected, 0), kernels.gatherRows(matrix, keptTargets))
    return {
      hidden: tf.mul(difference, column),
      matrix: tf.sub(
        tf.transpose(weightedSums as Tensor2D),
        kernels.sumRowsBy(keptTargets, weighted, vocabulary),
      ),
    }
  })
}

/** Each row of `x` times its share. */
function shared(x: Tensor2D, shares: Tensor2D | undefined): Tensor2D {
  return shares ? tf.mul(x, shares) : x
}

/** The rows of a chunk that are among the kept tokens; all of them are no copy. */
function keptRows(
  kernels: Kernels,
  { powers, shares }: Prediction,
  kept: Int32Array | undefined,
  first: number,
): Prediction {
  if (!kept || kept.length === powers.shape[0]) return { powers, ...(shares && { shares }) }
  const rows = kept.map((token) => token - first)
  return {
    powers: kernels.gatherRows(powers, rows),
    ...(shares && { shares: kernels.gatherRows(shares, rows) }),
  }
}

function rowsBetween(x: Tensor2D, start: number, end: number): Tensor2D {
  return end - start === x.shape[0] ? x : tf.slice2d(x, [start, 0], [end - start, x.shape[1]])
}

function ranges(ends: readonly number[]): (readonly [start: number, end: number])[] {
  return ends.map((end, i) => [ends[i - 1] ?? 0, end])
}

/** Index of the first of `ascending` that is not below `bound`. */
function lowerBound(ascending: Int32Array, bound: number): number {
  let [low, high] = [0, ascending.length]
  while (low < high) {
    const middle = (low + high) >> 1
    if (ascending[middle] < bound) low = middle + 1
    else high = middle
  }
  return low
}
