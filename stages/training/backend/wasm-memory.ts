import * as tf from '@tensorflow/tfjs-core'
import type { Tensor, TensorInfo } from '@tensorflow/tfjs-core'

/** The part of @tensorflow/tfjs-backend-wasm's back end that is about a tensor's memory. */
interface WasmBackend {
  typedArrayFromHeap(tensor: Tensor): Float32Array
  makeOutput(shape: readonly number[], dtype: 'float32'): TensorInfo
}

/**
 * A tensor's own numbers, without a copy. Valid until the next tensor is made, since memory that grows moves.
 * A tensor that an operation has seen must not be changed: the back end keeps matrices in a form of its own.
 */
export function memoryOf(tensor: Tensor): Float32Array {
  return (tf.backend() as unknown as WasmBackend).typedArrayFromHeap(tensor)
}

/** A tensor whose numbers are still to be written. */
export function emptyTensor<T extends Tensor>(shape: readonly number[]): T {
  const backend = tf.backend() as unknown as WasmBackend
  return tf.engine().makeTensorFromTensorInfo(backend.makeOutput(shape, 'float32')) as T
}
