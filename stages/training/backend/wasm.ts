import * as tf from '@tensorflow/tfjs-core'
import { getThreadsCount, version_wasm } from '@tensorflow/tfjs-backend-wasm'
import type { BackendDescription } from './backend.ts'
import { guardMemory } from './wasm-memory.ts'

/**
 * Makes WebAssembly tfjs-core's back end. The package finds its .wasm files beside its own code, so that nothing is
 * ever downloaded.
 *
 * @throws where this build of Node has no WebAssembly.
 */
export async function activateWasm(): Promise<BackendDescription> {
  if (!(await tf.setBackend('wasm'))) throw new Error('WebAssembly did not initialize')
  guardMemory()
  const simd = (await tf.env().getAsync('WASM_HAS_SIMD_SUPPORT')) === true
  return {
    device: 'CPU',
    version: `tfjs-backend-wasm ${version_wasm}, ${simd ? 'SIMD' : 'no SIMD'}`,
    threads: getThreadsCount(),
  }
}
