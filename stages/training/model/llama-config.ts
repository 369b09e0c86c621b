import { z } from 'zod'
import { UserError } from '../../../schemas/user-error.ts'
import type { ModelConfig } from './config.ts'

/** The fields of transformers' `config.json` for LlamaForCausalLM that decide what the model computes. */
const llamaConfigSchema = z.object({
  model_type: z.literal('llama'),
  vocab_size: z.int().min(1),
  hidden_size: z.int().min(1),
  intermediate_size: z.int().min(1),
  num_hidden_layers: z.int().min(1),
  num_attention_heads: z.int().min(1),
  num_key_value_heads: z.int().min(1).optional(),
  max_position_embeddings: z.int().min(1),
  rms_norm_eps: z.number().positive(),
  rope_theta: z.number().positive().default(10_000),
  tie_word_embeddings: z.boolean().default(false),
  eos_token_id: z.int().min(0),
})

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
    tie_word_embeddings: config.tied,
    hidden_act: 'silu',
    attention_bias: false,
    mlp_bias: false,
    bos_token_id: endOfText,
    eos_token_id: endOfText,
    torch_dtype: 'float32',
  }
}

/**
 * Reads what `toLlamaConfig` wrote.
 * @throws UserError where the text is no configuration of a Llama model.
 */
export function fromLlamaConfig(text: string, path: string): { config: ModelConfig; endOfText: number } {
  let parsed
  try {
    parsed = llamaConfigSchema.safeParse(JSON.parse(text))
  } catch {
    throw new UserError(`\`${path}\` is not JSON. Take another checkpoint.`)
  }
  if (!parsed.success) {
    const [issue] = parsed.error.issues
    throw new UserError(
      `\`${path}\` does not describe a Llama model: ${issue.path.join('.')}: ${issue.message}. Take another checkpoint.`,
    )
  }
  const json = parsed.data
  return {
    config: {
      vocabulary: json.vocab_size,
      dim: json.hidden_size,
      layers: json.num_hidden_layers,
      heads: json.num_attention_heads,
      kvHeads: json.num_key_value_heads ?? json.num_attention_heads,
      hidden: json.intermediate_size,
      context: json.max_position_embeddings,
      tied: json.tie_word_embeddings,
      ropeTheta: json.rope_theta,
      normEpsilon: json.rms_norm_eps,
    },
    endOfText: json.eos_token_id,
  }
}
