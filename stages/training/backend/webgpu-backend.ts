import { createRequire } from 'node:module'
import type { KernelBackend, TensorInfo } from '@tensorflow/tfjs-core'
import { UserError } from '../../../schemas/user-error.ts'

/** The part of WebGPU that is named here; its types come with an optional package. */
export interface GpuDevice {
  readonly lost: Promise<{ readonly reason: string; readonly message: string }>
  onuncapturederror: (event: { readonly error: { readonly message: string }; preventDefault(): void }) => void
}

/** The part of @tensorflow/tfjs-backend-webgpu's back end that is not in tfjs-core's own interface. */
interface WebgpuBackend extends KernelBackend {
  thresholdToIncreaseWorkgroups: number
  readonly bufferManager: {
    readonly numBytesUsed: number
    numBytesAllocated: number
    numFreeBuffers: number
    readonly freeBuffers: ReadonlyMap<string, { readonly size: number; destroy(): void }[]>
  }
  uploadToGPU(data: object): void
  runWebGPUProgram(program: Program, ...rest: unknown[]): TensorInfo
}

interface Program {
  readonly shaderKey: string
  getUserCode: () => string
}

/**
 * tfjs's back end for WebGPU, with what a training run of many hours needs beyond it: the same sums at each run, errors
 * that reach the user, and memory that does not grow.
 *
 * @param gpu what the device is from; it must live as long as the back end does
 * @throws where the package is missing
 */
export function webgpuBackendClass(): new (device: GpuDevice, info: object, gpu: object) => KernelBackend {
  const { WebGPUBackend } = createRequire(import.meta.url)('@tensorflow/tfjs-backend-webgpu') as {
    WebGPUBackend: new (device: GpuDevice, info: object) => WebgpuBackend
  }
  return class extends WebGPUBackend {
    readonly gpu: object
    #failure: string | undefined
    #mostBytesUsed = 0

    constructor(device: GpuDevice, info: object, gpu: object) {
      super(device, info)
      this.gpu = gpu
      // Otherwise it adds parts of a product in the order in which the GPU is done with them, and no run equals another.
      this.thresholdToIncreaseWorkgroups = 0
      device.onuncapturederror = (event) => {
        // It would be printed, and so would every error that follows from it.
        event.preventDefault()
        this.#failure ??= event.error.message
      }
      void device.lost.then(({ reason, message }) => {
        if (reason !== 'destroyed') this.#failure ??= message
      })
    }

    override uploadToGPU(data: object): void {
      super.uploadToGPU(data)
      this.#mostBytesUsed = Math.max(this.#mostBytesUsed, this.bufferManager.numBytesUsed)
    }

    /** Groups of threads beyond the last row, which there are from 65,536 rows on, would write into that row. */
    override runWebGPUProgram(program: Program, ...rest: unknown[]): TensorInfo {
      if (program.shaderKey === 'softmax') {
        const code = program.getUserCode()
        const write = 'setOutputAtCoords(row, col, value);'
        program.getUserCode = () => code.replace(write, `if (row < uniforms.outShape[0]) { ${write} }`)
      }
      return super.runWebGPUProgram(program, ...rest)
    }

    /** What WebGPU could not do is reported here, where numbers are asked for, and not where it was told to. */
    override async read(data: object) {
      const values = await super.read(data)
      if (this.#failure !== undefined) throw failure(this.#failure)
      if (this.bufferManager.numBytesAllocated > 2 * this.#mostBytesUsed) this.#destroyFreeBuffers()
      return values
    }

    /** Freed memory is kept for tensors of the very same size, which may never come again. */
    #destroyFreeBuffers() {
      for (const buffers of this.bufferManager.freeBuffers.values()) {
        for (const buffer of buffers.splice(0)) {
          buffer.destroy()
          this.bufferManager.numBytesAllocated -= buffer.size
          this.bufferManager.numFreeBuffers--
        }
      }
    }
  }
}

function failure(message: string): UserError {
  const [firstLine] = message.split('\n', 1)
  return new UserError(
    `The GPU failed: ${firstLine.replace(/\.$/, '')}. Lower \`rows\` or \`length\` of \`pack\` where its memory is too small, or use another back end.`,
  )
}
