import type { ModelConfig } from '../../../stages/training/model/config.ts'

/** Numbers of a parameter by name, in 64 bits. */
export type Numbers = Readonly<Record<string, Float64Array>>

/** Probabilities `[V]` of each next token of `tokens` `[B, T + 1]`, `[B·T]` of them, in 64-bit arithmetic. */
export function referencePredictions(
  config: ModelConfig,
  numbers: Numbers,
  tokens: Int32Array,
  sequences: number,
): Float64Array[] {
  const width = tokens.length / sequences
  return Array.from({ length: sequences }, (_, row) =>
    sequenceLogits(config, numbers, tokens.subarray(row * width, (row + 1) * width)).map(softmax),
  ).flat()
}

/** Losses `[B·T]` of `tokens` `[B, T + 1]`, one number after the other, in 64-bit arithmetic. */
export function referenceLosses(
  config: ModelConfig,
  numbers: Numbers,
  tokens: Int32Array,
  sequences: number,
): Float64Array {
  const width = tokens.length / sequences
  const predictions = referencePredictions(config, numbers, tokens, sequences)
  return Float64Array.from(predictions, (probabilities, i) => {
    const target = tokens[i + Math.floor(i / (width - 1)) + 1]
    return -Math.log(probabilities[target])
  })
}

/** Logits `[V]` of each of a sequence's T next tokens; `tokens` has T + 1. */
function sequenceLogits(config: ModelConfig, numbers: Numbers, tokens: Int32Array): Float64Array[] {
  const { dim, layers, vocabulary, tied } = config
  const length = tokens.length - 1
  const embedding = numbers['model.embed_tokens.weight']
  const stream = Array.from({ length }, (_, t) => embedding.slice(tokens[t] * dim, (tokens[t] + 1) * dim))
  for (let layer = 0; layer < layers; layer++) {
    const of = (name: string) => numbers[`model.layers.${layer}.${name}.weight`]
    const attended = attend(
      config,
      stream.map((x) => norm(x, of('input_layernorm'), config.normEpsilon)),
      of,
    )
    attended.forEach((y, t) => addTo(stream[t], y))
    for (const x of stream) {
      const normed = norm(x, of('post_attention_layernorm'), config.normEpsilon)
      const gate = multiply(of('mlp.gate_proj'), normed)
      const up = multiply(of('mlp.up_proj'), normed)
      addTo(
        x,
        multiply(
          of('mlp.down_proj'),
          gate.map((g, i) => (g / (1 + Math.exp(-g))) * up[i]),
        ),
      )
    }
  }
  const head = tied ? embedding : numbers['lm_head.weight']
  return stream.map((x) => {
    const logits = multiply(head, norm(x, numbers['model.norm.weight'], config.normEpsilon))
    expect(logits).toHaveLength(vocabulary)
    return logits
  })
}

function softmax(logits: Float64Array): Float64Array {
  const largest = Math.max(...logits)
  const powers = logits.map((z) => Math.exp(z - largest))
  const total = powers.reduce((sum, power) => sum + power, 0)
  return powers.map((power) => power / total)
}

function attend(
  { dim, heads, kvHeads, ropeTheta }: ModelConfig,
  xs: Float64Array[],
  of: (name: string) => Float64Array,
) {
  const width = dim / heads
  const project = (name: string) => xs.map((x) => multiply(of(`self_attn.${name}`), x))
  const queries = project('q_proj').map((q, t) => turn(q, t, width, ropeTheta))
  const keys = project('k_proj').map((k, t) => turn(k, t, width, ropeTheta))
  const values = project('v_proj')
  return queries.map((query, t) => {
    const mixed = new Float64Array(dim)
    for (let head = 0; head < heads; head++) {
      const own = head * width
      const shared = Math.floor(head / (heads / kvHeads)) * width
      const scores = keys.slice(0, t + 1).map((key) => {
        let score = 0
        for (let i = 0; i < width; i++) score += query[own + i] * key[shared + i]
        return Math.exp(score / Math.sqrt(width))
      })
      const total = scores.reduce((a, b) => a + b)
      scores.forEach((score, s) => {
        for (let i = 0; i < width; i++) mixed[own + i] += (score / total) * values[s][shared + i]
      })
    }
    return multiply(of('self_attn.o_proj'), mixed)
  })
}

/** transformers' layout: number i of a head's first half is turned with number i of its second half. */
function turn(x: Float64Array, position: number, width: number, theta: number): Float64Array {
  const turned = new Float64Array(x.length)
  const half = width / 2
  for (let start = 0; start < x.length; start += width) {
    for (let i = 0; i < half; i++) {
      const angle = position * theta ** (-i / half)
      const [a, b] = [x[start + i], x[start + half + i]]
      turned[start + i] = a * Math.cos(angle) - b * Math.sin(angle)
      turned[start + half + i] = b * Math.cos(angle) + a * Math.sin(angle)
    }
  }
  return turned
}

function norm(x: Float64Array, weight: Float64Array, epsilon: number): Float64Array {
  const size = Math.sqrt(x.reduce((sum, v) => sum + v * v, 0) / x.length + epsilon)
  return x.map((v, i) => (v / size) * weight[i])
}

/** weight `[out, in]` times x `[in]`. */
function multiply(weight: Float64Array, x: Float64Array): Float64Array {
  return Float64Array.from({ length: weight.length / x.length }, (_, row) =>
    x.reduce((sum, v, i) => sum + v * weight[row * x.length + i], 0),
  )
}

function addTo(x: Float64Array, y: Float64Array): void {
  y.forEach((v, i) => (x[i] += v))
}
