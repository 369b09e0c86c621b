import * as tf from '@tensorflow/tfjs-core'
import type { Scalar, Tensor, Tensor1D, Tensor2D, Tensor4D } from '@tensorflow/tfjs-core'
import type { ModelConfig } from '../../stages/training/model/config.ts'

/**
 * The model as one would write it on tfjs-core for its automatic differentiation: what the engine is measured and
 * tested against. It shares no code with it.
 */
export interface TapeModel {
  /** Losses `[B, T]` of tokens `[B, T + 1]`, differentiable by the parameters. */
  losses(parameters: Readonly<Record<string, Tensor>>, tokens: Int32Array, sequences: number): Tensor2D
}

/** @param gather whether rows of the embedding are gathered; a product with one-hot rows where the back end cannot. */
export function tapeModel(config: ModelConfig, gather: boolean): TapeModel {
  const { vocabulary, dim, layers, heads, kvHeads, ropeTheta, normEpsilon, tied } = config
  const width = dim / heads

  const linear = (x: Tensor2D, weight: Tensor): Tensor2D => tf.matMul(x, weight, false, true)
  const norm = (x: Tensor2D, weight: Tensor): Tensor2D => {
    const size = tf.sqrt(tf.add(tf.mean(tf.square(x), -1, true), normEpsilon))
    return tf.mul(tf.div(x, size), weight)
  }

  // Cast, because the WebAssembly back end writes whole numbers into a one-hot matrix of any type.
  const oneHot = (ids: Tensor1D): Tensor2D => tf.cast(tf.oneHot(ids, vocabulary) as Tensor2D, 'float32')

  function rotated(x: Tensor4D): Tensor4D {
    const length = x.shape[2]
    const frequencies = tf.pow(ropeTheta, tf.div(tf.range(0, width, 2), -width))
    const angles = tf.outerProduct(tf.range(0, length), frequencies as Tensor1D)
    const [cosine, sine] = [tf.cos(angles), tf.sin(angles)]
    const [left, right] = tf.split(x, 2, 3)
    return tf.concat4d(
      [
        tf.sub<Tensor4D>(tf.mul(left, cosine), tf.mul(right, sine)),
        tf.add<Tensor4D>(tf.mul(right, cosine), tf.mul(left, sine)),
      ],
      3,
    )
  }

  function attend(
    x: Tensor2D,
    parameters: Readonly<Record<string, Tensor>>,
    prefix: string,
    sequences: number,
  ): Tensor2D {
    const length = x.shape[0] / sequences
    const split = (y: Tensor2D, n: number): Tensor4D =>
      tf.transpose(tf.reshape<tf.Rank.R4>(y, [sequences, length, n, width]), [0, 2, 1, 3])
    const repeat = (y: Tensor4D): Tensor4D => {
      if (heads === kvHeads) return y
      const shared = Array.from({ length: heads }, (_, head) => Math.floor((head * kvHeads) / heads))
      return tf.concat4d(
        shared.map((head) => tf.slice4d(y, [0, head, 0, 0], [-1, 1, -1, -1])),
        1,
      )
    }
    const project = (name: string, n: number) => split(linear(x, parameters[`${prefix}.${name}.weight`]), n)
    const queries = rotated(project('q_proj', heads))
    const keys = repeat(rotated(project('k_proj', kvHeads)))
    const values = repeat(project('v_proj', kvHeads))
    const scores = tf.div(tf.matMul(queries, keys, false, true), Math.sqrt(width))
    const visible = tf.linalg.bandPart(tf.ones([length, length]), -1, 0)
    const masked = tf.sub(scores, tf.mul(tf.sub(1, visible), 1e9))
    const mixed = tf.transpose(tf.matMul(tf.softmax(masked as Tensor4D), values), [0, 2, 1, 3])
    return linear(tf.reshape(mixed, [-1, dim]), parameters[`${prefix}.o_proj.weight`])
  }

  return {
    losses(parameters, tokens, sequences) {
      const length = tokens.length / sequences - 1
      const all = tf.tensor2d(tokens, [sequences, length + 1], 'int32')
      const inputs = tf.reshape<tf.Rank.R1>(tf.slice2d(all, [0, 0], [-1, length]), [-1])
      const targets = tf.reshape<tf.Rank.R1>(tf.slice2d(all, [0, 1], [-1, length]), [-1])
      const embedding = parameters['model.embed_tokens.weight'] as Tensor2D
      let x: Tensor2D = gather ? tf.gather(embedding, inputs) : tf.matMul(oneHot(inputs), embedding)
      for (let layer = 0; layer < layers; layer++) {
        const prefix = `model.layers.${layer}`
        const normed = norm(x, parameters[`${prefix}.input_layernorm.weight`])
        x = tf.add(x, attend(normed, parameters, `${prefix}.self_attn`, sequences))
        const fed = norm(x, parameters[`${prefix}.post_attention_layernorm.weight`])
        const gate = linear(fed, parameters[`${prefix}.mlp.gate_proj.weight`])
        const up = linear(fed, parameters[`${prefix}.mlp.up_proj.weight`])
        const product: Tensor2D = tf.mul(tf.mul(gate, tf.sigmoid(gate)), up)
        x = tf.add(x, linear(product, parameters[`${prefix}.mlp.down_proj.weight`]))
      }
      const hidden = norm(x, parameters['model.norm.weight'])
      const logits = linear(hidden, tied ? embedding : parameters['lm_head.weight'])
      return tf.reshape(tf.neg(tf.sum(tf.mul(tf.logSoftmax(logits), oneHot(targets)), 1)), [
        sequences,
        length,
      ])
    },
  }
}

/** Gradients by parameter name of the sum of weights · losses. */
export function tapeGradients(
  model: TapeModel,
  parameters: Readonly<Record<string, Tensor>>,
  tokens: Int32Array,
  sequences: number,
  weights: Tensor2D,
): Record<string, Tensor> {
  const names = Object.keys(parameters)
  const gradients = tf.grads((...tensors: Tensor[]) => {
    const named = Object.fromEntries(names.map((name, i) => [name, tensors[i]]))
    return tf.sum<Scalar>(tf.mul(model.losses(named, tokens, sequences), weights))
  })(Object.values(parameters))
  return Object.fromEntries(names.map((name, i) => [name, gradients[i]]))
}
