import { availableParallelism } from 'node:os'
import * as tf from '@tensorflow/tfjs-core'
import type { KernelBackend } from '@tensorflow/tfjs-core'
import type { BackendDescription } from './backend.ts'
import { dawnAddress, findAdapter } from './webgpu-adapter.ts'
import { type GpuDevice, webgpuBackendClass } from './webgpu-backend.ts'

/** The part of the package `webgpu` that is named here; the package is optional, and its types with it. */
interface Dawn {
  readonly globals: object
  create(options: readonly string[]): Gpu
}
interface Gpu {
  requestAdapter(options: { powerPreference: 'high-performance' }): Promise<GpuAdapter | null>
}
interface GpuAdapter {
  readonly info: object
  readonly limits: Readonly<Record<(typeof limits)[number], number>>
  requestDevice(wanted: { requiredLimits: Record<string, number> }): Promise<GpuDevice>
}

/** Those that the largest tensors and workgroups depend on; a device has no more of them than it is asked for. */
const limits = [
  'maxBufferSize',
  'maxStorageBufferBindingSize',
  'maxComputeInvocationsPerWorkgroup',
  'maxComputeWorkgroupSizeX',
  'maxComputeWorkgroupStorageSize',
  'maxComputeWorkgroupsPerDimension',
] as const

/**
 * Makes WebGPU tfjs-core's back end, on Dawn from the package `webgpu`.
 *
 * @throws where the package is missing, or the machine has no adapter.
 */
export async function activateWebgpu(): Promise<BackendDescription> {
  const { description, software } = findAdapter()
  if (!tf.findBackendFactory('webgpu')) tf.registerBackend('webgpu', createBackend)
  if (!(await tf.setBackend('webgpu'))) throw new Error('@tensorflow/tfjs-backend-webgpu did not initialize')
  return {
    device: software ? 'CPU' : 'GPU',
    version: `Dawn on ${description}`,
    ...(software && {
      threads: availableParallelism(),
      drawback: 'Its adapter is software, many times slower than `wasm`.',
    }),
  }
}

async function createBackend(): Promise<KernelBackend> {
  const dawn = (await import(dawnAddress())) as Dawn
  Object.assign(globalThis, dawn.globals)
  const gpu = dawn.create([])
  const adapter = await gpu.requestAdapter({ powerPreference: 'high-performance' })
  if (!adapter) throw new Error('The adapter is gone')
  const device = await adapter.requestDevice({
    requiredLimits: Object.fromEntries(limits.map((name) => [name, adapter.limits[name]])),
  })
  const WebgpuBackend = webgpuBackendClass()
  return withNavigator(gpu, () => new WebgpuBackend(device, adapter.info, gpu))
}

/** The back end's constructor insists on a browser's `navigator.gpu`. Left there, it would keep the process alive. */
function withNavigator<T>(gpu: Gpu, work: () => T): T {
  const scope = globalThis as { navigator?: { gpu?: Gpu } }
  const navigator = (scope.navigator ??= {})
  navigator.gpu = gpu
  try {
    return work()
  } finally {
    delete navigator.gpu
  }
}
