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

/**
 * Holds a model's tensors against the shapes that its `config.json` asks for.
 * @param folder that both are in
 * @throws UserError where a tensor is missing, unknown or of another shape.
 */
export function checkShapes(
  shapes: ReadonlyMap<string, readonly number[]>,
  stored: ReadonlyMap<string, Pick<StoredTensor, 'shape'>>,
  folder: string,
): void {
  const disagreement = (what: string) =>
    new UserError(
      `The \`config.json\` and the weights in \`${folder}\` disagree: ${what}. Take both from the same model.`,
    )
  for (const name of stored.keys()) {
    if (!shapes.has(name))
      throw disagreement(`there is \`${name}\`, which a model of these sizes does not have`)
  }
  for (const [name, shape] of shapes) {
    const given = stored.get(name)?.shape
    if (given?.join() === shape.join()) continue
    throw disagreement(
      `\`${name}\` ${given ? `is [${given.join(', ')}]` : 'is missing'}, where a model of these sizes has [${shape.join(', ')}]`,
    )
  }
}
