import * as tf from '@tensorflow/tfjs-core'
import type { Tensor, TensorInfo } from '@tensorflow/tfjs-core'

/** The part of @tensorflow/tfjs-backend-wasm's back end that is about a tensor's memory. */
interface WasmBackend {
  readonly wasm: { _malloc: (bytes: number) => number }
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

const guarded = new WeakSet<object>()

/**
 * Makes the active back end throw where there is no memory left. It would put a tensor at address 0 then, and the next
 * one as well.
 */
export function guardMemory(): void {
  const { wasm } = tf.backend() as unknown as WasmBackend
  if (guarded.has(wasm)) return
  guarded.add(wasm)
  // The first call puts the function itself in the place of one that looks for it.
  wasm._malloc(0)
  const allocate = wasm._malloc
  wasm._malloc = (bytes) => {
    const address = allocate(bytes)
    if (address === 0 && bytes > 0) throw new RangeError(`Array buffer allocation failed: ${bytes} bytes`)
    return address
  }
}
