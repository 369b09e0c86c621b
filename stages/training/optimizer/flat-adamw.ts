import * as tf from '@tensorflow/tfjs-core'
import type { Scalar, Tensor, Tensor1D } from '@tensorflow/tfjs-core'
import { dispose, tidy } from '../backend/tidy.ts'
import type { AdamW, AdamWSettings, Moments } from '../backend/kernels.ts'
import type { Parameters } from '../model/parameters.ts'

/**
 * AdamW (Loshchilov and Hutter, arXiv 1711.05101) on tfjs-core's operations: gradients are joined into one vector, so
 * that the number of operations hardly grows with the number of parameters.
 */
export function flatAdamW(parameters: Parameters, settings: AdamWSettings): AdamW {
  const { beta1, beta2, epsilon, decay, clip } = settings
  // Matrices, which decay, before vectors, which do not.
  const names = parameters.names.toSorted((a, b) => parameters.shape(b).length - parameters.shape(a).length)
  const matrices = names.filter((name) => parameters.shape(name).length > 1)
  const vectors = names.slice(matrices.length)
  const sizes = names.map((name) => tf.util.sizeFromShape(parameters.shape(name)))
  const size = sizes.reduce((a, b) => a + b, 0)
  const flatten = (tensors: Tensor[]): Tensor1D => tf.concat1d(tensors.map((tensor) => tf.reshape(tensor, [-1])))

  let first: Tensor1D = tf.zeros([size])
  let second: Tensor1D = tf.zeros([size])
  let updates = 0
  const replaceMoments = (moments: readonly [Tensor1D, Tensor1D]) => {
    dispose([first, second])
    ;[first, second] = moments
  }

  return {
    get updates() {
      return updates
    },

    update(gradients, learningRate) {
      const joined = tidy(() => flatten(names.map((name) => gradients.get(name) as Tensor)))
      const squares = tf.square(joined)
      const norm = Math.sqrt(tidy(() => (tf.sum(squares) as Scalar).dataSync()[0]))
      if (!Number.isFinite(norm)) {
        dispose([joined, squares])
        return norm
      }
      updates++
      const scale = Math.min(1, clip / norm)
      const rate = (learningRate * Math.sqrt(1 - beta2 ** updates)) / (1 - beta1 ** updates)
      const corrected = epsilon * Math.sqrt(1 - beta2 ** updates)
      replaceMoments(
        tidy((): [Tensor1D, Tensor1D] => [
          tf.add(tf.mul(first, beta1), tf.mul(joined, (1 - beta1) * scale)),
          tf.add(tf.mul(second, beta2), tf.mul(squares, (1 - beta2) * scale ** 2)),
        ]),
      )
      dispose([joined, squares])
      const updated = tidy(() => {
        const decayed: Tensor1D = tf.mul(flatten(matrices.map((name) => parameters.get(name))), 1 - learningRate * decay)
        const kept = vectors.map((name) => parameters.get(name) as Tensor1D)
        const change = tf.mul(tf.div(first, tf.add(tf.sqrt(second), corrected)), rate)
        const pieces = tf.split(tf.sub(tf.concat1d([decayed, ...kept]), change), sizes)
        return pieces.map((piece, i) => tf.reshape(piece, parameters.shape(names[i])))
      })
      updated.forEach((tensor, i) => parameters.set(names[i], tensor))
      return norm
    },

    async export() {
      const [firsts, seconds] = (await Promise.all([first.data(), second.data()])) as [Float32Array, Float32Array]
      let start = 0
      return new Map(
        names.map((name, i) => {
          const range = [start, (start += sizes[i])] as const
          return [name, { first: firsts.slice(...range), second: seconds.slice(...range) }]
        }),
      )
    },

    import(moments, made) {
      const join = (pick: (moments: Moments) => Float32Array) =>
        tidy(() => tf.concat1d(names.map((name) => tf.tensor1d(pick(moments.get(name) as Moments)))))
      replaceMoments([join((m) => m.first), join((m) => m.second)])
      updates = made
    },

    dispose: () => dispose([first, second]),
  }
}
