import * as tf from '@tensorflow/tfjs-core'
// Registers the gradients of tfjs-core's operations, which the engine itself does without.
import '@tensorflow/tfjs'
import { backendNames, type Backend } from '../../../stages/training/backend/backend.ts'
import { openBackend, tryBackend } from '../../../stages/training/backend/open-backend.ts'

/** Those from which numbers are read at once. webgpu-backend.long.test.ts tests the other one. */
const synchronous = backendNames.filter((name) => name !== 'webgpu')

/** Runs tests on every back end that works here; the native one may not be installed. */
export async function onEveryBackend(tests: (backend: () => Backend) => void): Promise<void> {
  for (const name of synchronous) {
    const found = await tryBackend(name)
    describe(`on ${name}`, () => {
      if ('problem' in found) {
        test.skip(`not available: ${found.problem}`, () => undefined)
        return
      }
      let backend: Backend
      beforeAll(async () => {
        backend = await openBackend(name)
      })
      tests(() => backend)
    })
  }
}

/** ‖a − b‖ / ‖b‖ in 64-bit arithmetic. */
export function relativeError(a: tf.Tensor, b: tf.Tensor): number {
  expect(a.shape).toEqual(b.shape)
  const [x, y] = [a.dataSync(), b.dataSync()]
  let [difference, size] = [0, 0]
  for (let i = 0; i < x.length; i++) {
    difference += (x[i] - y[i]) ** 2
    size += y[i] ** 2
  }
  return Math.sqrt(difference / size)
}

/** Normal numbers of a seed, the same on every back end. */
export function normal<R extends tf.Rank>(shape: tf.ShapeMap[R], seed: number, deviation = 1): tf.Tensor<R> {
  const size = tf.util.sizeFromShape(shape)
  let state = seed
  const uniform = () => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) / 2 ** 32
  const values = Float32Array.from(
    { length: size },
    () => deviation * Math.sqrt(-2 * Math.log(uniform() + 1e-9)) * Math.cos(2 * Math.PI * uniform()),
  )
  return tf.tensor(values, shape)
}
