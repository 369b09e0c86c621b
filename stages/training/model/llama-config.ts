import { z } from 'zod'
import { UserError } from '../../../schemas/user-error.ts'
import { modelConfig, type ModelConfig } from './config.ts'

const size = z.int().min(1)
const tokenId = z.int().min(0)

/**
 * The fields of transformers' `config.json` for LlamaForCausalLM that decide what the model computes, with the defaults
 * of its LlamaConfig.
 */
const llamaConfigSchema = z.looseObject({
  vocab_size: size,
  hidden_size: size,
  intermediate_size: size,
  // Far more than any model has; names of as many layers are made before the weights are looked at.
  num_hidden_layers: size.max(10_000),
  num_attention_heads: size,
  num_key_value_heads: size.nullish(),
  max_position_embeddings: size.default(2048),
  rms_norm_eps: z.number().positive().default(1e-6),
  rope_theta: z.number().positive().nullish(),
  rope_parameters: z.looseObject({ rope_theta: z.number().positive().optional() }).nullish(),
  tie_word_embeddings: z.boolean().default(false),
  eos_token_id: z.union([tokenId, z.array(tokenId).min(1)]).default(2),
})

type LlamaConfig = z.output<typeof llamaConfigSchema>

/** Fields that may ask for what this engine does not compute, with the values that do not. */
const unsupported: Readonly<Record<string, (value: unknown, json: LlamaConfig) => boolean>> = {
  hidden_act: (value) => value === 'silu',
  attention_bias: (value) => value === false,
  mlp_bias: (value) => value === false,
  head_dim: (value, json) => value === json.hidden_size / json.num_attention_heads,
  rope_scaling: (value) => hasDefaultRotary(value),
  rope_parameters: (value) => hasDefaultRotary(value),
  partial_rotary_factor: (value) => value === 1,
  sliding_window: (_, json) => json['use_sliding_window'] === false,
  quantization_config: () => false,
}

function hasDefaultRotary(value: unknown): boolean {
  const { rope_type, type, partial_rotary_factor: share = 1 } = value as Record<string, unknown>
  return (rope_type ?? type ?? 'default') === 'default' && share === 1
}

/** A model's sizes as transformers' `config.json`. */
export function toLlamaConfig(config: ModelConfig, endOfText: number): object {
  return {
    architectures: ['LlamaForCausalLM'],
    model_type: 'llama',
    vocab_size: config.vocabulary,
    hidden_size: config.dim,
    intermediate_size: config.hidden,
    num_hidden_layers: config.layers,
    num_attention_heads: config.heads,
    num_key_value_heads: config.kvHeads,
    head_dim: config.dim / config.heads,
    max_position_embeddings: config.context,
    rms_norm_eps: config.normEpsilon,
    rope_theta: config.ropeTheta,
    rope_scaling: null,
    tie_word_embeddings: config.tied,
    hidden_act: 'silu',
    attention_bias: false,
    attention_dropout: 0,
    mlp_bias: false,
    bos_token_id: endOfText,
    eos_token_id: endOfText,
    use_cache: true,
    torch_dtype: 'float32',
  }
}

/**
 * Reads the `config.json` of a Llama model, as `toLlamaConfig` or transformers wrote it.
 * @throws UserError where the text describes another kind of model, or one with something that is not computed here.
 */
export function fromLlamaConfig(text: string, path: string): { config: ModelConfig; endOfText: number } {
  const json = parse(text, path)
  const { eos_token_id: ends, rope_theta: theta, rope_parameters: rotary } = json
  const sizes = {
    dim: json.hidden_size,
    layers: json.num_hidden_layers,
    heads: json.num_attention_heads,
    kvHeads: json.num_key_value_heads ?? undefined,
    hidden: json.intermediate_size,
    context: json.max_position_embeddings,
    tied: json.tie_word_embeddings,
  }
  try {
    const config = modelConfig(sizes, json.vocab_size)
    const ropeTheta = rotary?.rope_theta ?? theta ?? config.ropeTheta
    return {
      config: { ...config, ropeTheta, normEpsilon: json.rms_norm_eps },
      endOfText: typeof ends === 'number' ? ends : ends[0],
    }
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
    throw new UserError(
      `The sizes in \`${path}\` do not fit each other: ${error.message}. Take another model.`,
    )
  }
}

function parse(text: string, path: string): LlamaConfig {
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch {
    throw new UserError(`\`${path}\` is not JSON. Take another checkpoint.`)
  }
  const type = (json as { model_type?: unknown } | null)?.model_type
  if (type !== 'llama') {
    throw new UserError(
      `\`model_type\` in \`${path}\` is ${JSON.stringify(type ?? null)}, and "llama" is what is computed here. Take a Llama model.`,
    )
  }
  const { data, error } = llamaConfigSchema.safeParse(json)
  if (error) {
    const [{ path: place, message }] = error.issues
    throw new UserError(
      `\`${path}\` does not describe a Llama model: ${place.join('.')}: ${message}. Take another checkpoint.`,
    )
  }
  for (const [field, isPlain] of Object.entries(unsupported)) {
    const value = data[field]
    if (value === undefined || value === null || isPlain(value, data)) continue
    throw new UserError(
      `\`${field}\` in \`${path}\` is ${JSON.stringify(value)}, which is not computed here. Take a model without it.`,
    )
  }
  return data
}
