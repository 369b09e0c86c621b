import * as tf from '@tensorflow/tfjs-core'
import type { Tensor } from '@tensorflow/tfjs-core'

interface Attribute {
  readonly name: string
  readonly type: number
  readonly value: unknown
}

/** The part of @tensorflow/tfjs-node-gpu's back end that runs TensorFlow operations by name. */
interface NativeBackend {
  readonly isUsingGpuDevice: boolean
  readonly binding: Readonly<
    Record<
      | 'TF_FLOAT'
      | 'TF_INT32'
      | 'TF_COMPLEX64'
      | 'TF_ATTR_TYPE'
      | 'TF_ATTR_BOOL'
      | 'TF_ATTR_SHAPE'
      | 'TF_ATTR_STRING',
      number
    >
  >
  executeMultipleOutputs(name: string, attributes: Attribute[], inputs: Tensor[], outputs: number): Tensor[]
}

/** TensorFlow operations that tfjs-core has no name for, on the active `tensorflow` back end. */
export function native() {
  const backend = tf.backend() as unknown as NativeBackend
  const { binding } = backend
  return {
    isOnGpu: backend.isUsingGpuDevice,
    /** Runs an operation. Its inputs stay the caller's, its outputs are the caller's or the running tidy's. */
    run: (name: string, attributes: Attribute[], inputs: Tensor[], outputs: number): Tensor[] =>
      backend.executeMultipleOutputs(name, attributes, inputs, outputs),
    float: (name: string): Attribute => ({ name, type: binding.TF_ATTR_TYPE, value: binding.TF_FLOAT }),
    int32: (name: string): Attribute => ({ name, type: binding.TF_ATTR_TYPE, value: binding.TF_INT32 }),
    complex: (name: string): Attribute => ({ name, type: binding.TF_ATTR_TYPE, value: binding.TF_COMPLEX64 }),
    bool: (name: string, value: boolean): Attribute => ({ name, type: binding.TF_ATTR_BOOL, value }),
    text: (name: string, value: string): Attribute => ({ name, type: binding.TF_ATTR_STRING, value }),
    shape: (name: string, value: readonly number[]): Attribute => ({
      name,
      type: binding.TF_ATTR_SHAPE,
      value,
    }),
  }
}
