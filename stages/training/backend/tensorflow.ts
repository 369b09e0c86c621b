import { createRequire } from 'node:module'
import { availableParallelism, totalmem } from 'node:os'
import nodeUtil from 'node:util'
import * as tf from '@tensorflow/tfjs-core'
import type { BackendDescription } from './backend.ts'

/** The part of the native back end that is not in tfjs-core's own interface. */
interface NativeBackend {
  readonly isUsingGpuDevice: boolean
  readonly binding: { readonly TF_Version: string }
}

/**
 * Loads libtensorflow through @tensorflow/tfjs-node-gpu and makes it tfjs-core's back end.
 *
 * @throws whatever keeps the package or its native library from loading.
 */
export async function activateTensorflow(): Promise<BackendDescription> {
  // libtensorflow reads both once, while loading. Below 2 this one has it greet every process with several lines.
  process.env.TF_CPP_MIN_LOG_LEVEL ??= '2'
  // TensorFlow's own allocator hands the memory of one step to the next; glibc's gives it back and fetches it again.
  process.env.TF_CPU_ALLOCATOR_USE_BFC ??= '1'
  // Beyond it the kernel would kill the process without a word; TensorFlow says which tensor has no room.
  process.env.TF_CPU_BFC_MEM_LIMIT_IN_MB ??= String(Math.floor((memoryShare * machineMemory()) / 2 ** 20))
  defineIsNullOrUndefined()
  // Not an import: the package is optional, and neither types nor modules of ours may need it to be there.
  createRequire(import.meta.url)('@tensorflow/tfjs-node-gpu')
  if (!(await tf.setBackend('tensorflow'))) throw new Error('@tensorflow/tfjs-node-gpu did not initialize')
  const { isUsingGpuDevice, binding } = tf.backend() as unknown as NativeBackend
  return {
    device: isUsingGpuDevice ? 'GPU' : 'CPU',
    version: `libtensorflow ${binding.TF_Version}`,
    threads: availableParallelism(),
  }
}

/** Of the machine's memory, what TensorFlow may take. */
const memoryShare = 0.9

/** Bytes, of the machine or of the container that the process is in. */
function machineMemory(): number {
  const limit = process.constrainedMemory()
  return limit > 0 ? Math.min(limit, totalmem()) : totalmem()
}

/** The package calls `util.isNullOrUndefined`, of which Node 22 warns on the terminal, and which Node 23 took away. */
function defineIsNullOrUndefined() {
  const legacy = nodeUtil as { isNullOrUndefined?: (value: unknown) => boolean }
  legacy.isNullOrUndefined = (value) => value === null || value === undefined
}
