import * as tf from '@tensorflow/tfjs-core'
import type { Tensor, Tensor1D, Tensor2D } from '@tensorflow/tfjs-core'
import { dispose } from '../backend/tidy.ts'
import type { StoredTensor } from '../../../schemas/safetensors.ts'
import { UserError } from '../../../schemas/user-error.ts'
import type { ModelConfig } from './config.ts'

/** Names as in the safetensors files of transformers' LlamaForCausalLM. */
export const embeddingName = 'model.embed_tokens.weight'
export const finalNormName = 'model.norm.weight'
export const headName = 'lm_head.weight'

/** Names of a layer's parameters, in the form of `LayerWeights`. */
export function layerNames(layer: number) {
  const prefix = `model.layers.${layer}`
  return {
    attentionNorm: `${prefix}.input_layernorm.weight`,
    attention: {
      query: `${prefix}.self_attn.q_proj.weight`,
      key: `${prefix}.self_attn.k_proj.weight`,
      value: `${prefix}.self_attn.v_proj.weight`,
      output: `${prefix}.self_attn.o_proj.weight`,
    },
    mlpNorm: `${prefix}.post_attention_layernorm.weight`,
    mlp: {
      gate: `${prefix}.mlp.gate_proj.weight`,
      up: `${prefix}.mlp.up_proj.weight`,
      down: `${prefix}.mlp.down_proj.weight`,
    },
  } as const
}

/** Every parameter's shape by name, `[out, in]` for matrices, in the order in which data meets them. */
export function parameterShapes(config: ModelConfig): Map<string, readonly number[]> {
  const { vocabulary, dim, layers, heads, kvHeads, hidden, tied } = config
  const kvDim = (dim / heads) * kvHeads
  const shapes = new Map<string, readonly number[]>([[embeddingName, [vocabulary, dim]]])
  for (let layer = 0; layer < layers; layer++) {
    const { attentionNorm, attention, mlpNorm, mlp } = layerNames(layer)
    shapes
      .set(attentionNorm, [dim])
      .set(attention.query, [dim, dim])
      .set(attention.key, [kvDim, dim])
      .set(attention.value, [kvDim, dim])
      .set(attention.output, [dim, dim])
      .set(mlpNorm, [dim])
      .set(mlp.gate, [hidden, dim])
      .set(mlp.up, [hidden, dim])
      .set(mlp.down, [dim, hidden])
  }
  shapes.set(finalNormName, [dim])
  return tied ? shapes : shapes.set(headName, [vocabulary, dim])
}

/** @throws UserError where a tensor is missing, unknown or of another shape than the model's. */
export function checkShapes(
  shapes: ReadonlyMap<string, readonly number[]>,
  stored: ReadonlyMap<string, Pick<StoredTensor, 'shape'>>,
): void {
  for (const name of stored.keys()) {
    if (!shapes.has(name))
      throw new UserError(
        `The checkpoint holds \`${name}\`, which the model does not have. Give the model the checkpoint's sizes.`,
      )
  }
  for (const [name, shape] of shapes) {
    const given = stored.get(name)?.shape
    if (given?.join() !== shape.join()) {
      throw new UserError(
        `The checkpoint's \`${name}\` ${given ? `is [${given.join(', ')}]` : 'is missing'}, where the model has [${shape.join(', ')}]. Give the model the checkpoint's sizes.`,
      )
    }
  }
}

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

  /** @throws UserError where a tensor is missing, unknown or of another shape; nothing is changed then. */
  import(stored: ReadonlyMap<string, StoredTensor>): void {
    checkShapes(this.#shapes, stored)
    for (const [name, { shape, values }] of stored) this.set(name, tf.tensor(values, [...shape], 'float32'))
  }

  dispose(): void {
    dispose([...this.#tensors.values()])
    this.#tensors.clear()
  }
}
