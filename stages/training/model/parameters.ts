import * as tf from '@tensorflow/tfjs-core'
import type { Tensor, Tensor1D, Tensor2D } from '@tensorflow/tfjs-core'
import { dispose } from '../backend/tidy.ts'
import type { StoredTensor } from '../../../schemas/safetensors.ts'
import type { ModelConfig } from './config.ts'
import { parameterShapes } from './parameter-shapes.ts'

/** The trained tensors of a model, by name. */
export class Parameters {
  readonly #shapes: ReadonlyMap<string, readonly number[]>
  readonly #tensors = new Map<string, Tensor>()

  /** @param values one array for each name of `parameterShapes(config)`. */
  constructor(config: ModelConfig, values: (name: string, shape: readonly number[]) => Float32Array) {
    this.#shapes = parameterShapes(config)
    try {
      for (const [name, shape] of this.#shapes) {
        this.#tensors.set(name, tf.keep(tf.tensor(values(name, shape), shape as number[], 'float32')))
      }
    } catch (error) {
      this.dispose()
      throw error
    }
  }

  get names(): readonly string[] {
    return [...this.#shapes.keys()]
  }

  /** Number of trained numbers. */
  get count(): number {
    return [...this.#shapes.values()].reduce(
      (sum, shape) => sum + tf.util.sizeFromShape(shape as number[]),
      0,
    )
  }

  shape(name: string): number[] {
    return [...(this.#shapes.get(name) as readonly number[])]
  }

  get(name: string): Tensor {
    return this.#tensors.get(name) as Tensor
  }

  matrix(name: string): Tensor2D {
    return this.get(name) as Tensor2D
  }

  vector(name: string): Tensor1D {
    return this.get(name) as Tensor1D
  }

  /** Puts a tensor in the place of a parameter, which is disposed of; the tensor is the model's from now on. */
  set(name: string, tensor: Tensor): void {
    this.#tensors.get(name)?.dispose()
    this.#tensors.set(name, tf.keep(tensor))
  }

  async export(): Promise<Map<string, StoredTensor>> {
    const stored = new Map<string, StoredTensor>()
    for (const [name, tensor] of this.#tensors) {
      stored.set(name, { shape: this.shape(name), values: (await tensor.data()) as Float32Array })
    }
    return stored
  }

  dispose(): void {
    dispose([...this.#tensors.values()])
    this.#tensors.clear()
  }
}
