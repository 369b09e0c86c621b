import * as tf from '@tensorflow/tfjs-core'
import type { Tensor1D, Tensor2D } from '@tensorflow/tfjs-core'
import type { Kernels } from '../backend/kernels.ts'
import { tidy } from '../backend/tidy.ts'
import { logitChunks } from './memory.ts'

export interface HeadActivations {
  /** Input of the head, `[N, D]`. */
  readonly hidden: Tensor2D
  /** By chunk of tokens, `[n, V]` probabilities of each next token; absent where they are made again. */
  readonly probabilities?: Tensor2D[]
}

/**
 * Cross-entropy of a linear head, in chunks of tokens, so that logits `[N, V]` are never held whole.
 *
 * The gradient by the logits, softmax − onehot, is never made: only the softmax is as wide as the vocabulary, and what
 * belongs to the target is a row of the matrix. A softmax costs a third of TensorFlow's fused cross-entropy.
 *
 * @param hidden `[N, D]`; it becomes part of the activations
 * @param matrix `[V, D]`
 * @param targets `[N]`
 * @param keep whether the activations hold the probabilities
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
        const probabilities = tf.softmax(logits)
        // The likeliest token has a logit m and a probability e^m / Σ e^z, never too small for its logarithm.
        const logSums: Tensor1D = tf.sub(
          tf.max<Tensor1D>(logits, 1),
          tf.log(tf.max<Tensor1D>(probabilities, 1)),
        )
        return { logSums, ...(keep && { probabilities }) }
      }),
    )
    const targetLogits = tf.sum(tf.mul(hidden, kernels.gatherRows(matrix, targets)), 1)
    const losses: Tensor1D = tf.sub(tf.concat1d(chunks.map(({ logSums }) => logSums)), targetLogits)
    const probabilities = chunks.flatMap(({ probabilities }) => probabilities ?? [])
    return { losses, activations: { hidden, ...(keep && { probabilities }) } }
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
  { hidden, probabilities }: HeadActivations,
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
    const chunks = probabilities
      ? ranges(ends.map((end) => (kept ? lowerBound(kept, end) : end)))
      : ranges(logitChunks(keptHidden.shape[0], vocabulary))

    const expected: Tensor2D[] = []
    // `[D, V]`, turned once at the end: back ends are slow to make it the other way round.
    let weightedSums: Tensor2D | undefined
    chunks.forEach(([start, end], i) => {
      if (start === end) return
      const before = weightedSums
      const [rows, sums] = tidy(() => {
        const chunk = probabilities
          ? keptRows(kernels, probabilities[i], kept?.subarray(start, end), ends[i - 1] ?? 0)
          : tf.softmax(kernels.matMul(rowsBetween(keptHidden, start, end), matrix, false, true))
        const own = kernels.matMul(rowsBetween(weighted, start, end), chunk, true)
        return [kernels.matMul(chunk, matrix), before ? tf.add<Tensor2D>(before, own) : own]
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

/** The rows of a chunk that are among the kept tokens; all of them are no copy. */
function keptRows(kernels: Kernels, chunk: Tensor2D, kept: Int32Array | undefined, first: number): Tensor2D {
  if (!kept || kept.length === chunk.shape[0]) return chunk
  return kernels.gatherRows(
    chunk,
    kept.map((token) => token - first),
  )
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
