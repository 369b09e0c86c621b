import type { RandomSource } from '../seeded-random.ts'

export interface Sampling {
  /** Divides the logits; 0 always takes the likeliest token. */
  readonly temperature: number
  /** Only so many of the likeliest tokens; 0 for all. */
  readonly topK: number
  /** Only the likeliest tokens that together reach this probability (nucleus sampling, arXiv 1904.09751); 1 for all. */
  readonly topP: number
}

/** Draws the next token's id by its logits `[V]`. */
export function sampleToken(
  logits: Float32Array,
  { temperature, topK, topP }: Sampling,
  random: RandomSource,
): number {
  const ids = Uint32Array.from(logits, (_, id) => id).sort((a, b) => logits[b] - logits[a] || a - b)
  if (temperature === 0) return ids[0]
  const candidates = topK > 0 ? ids.subarray(0, topK) : ids
  const largest = logits[ids[0]]
  const weights = Float64Array.from(candidates, (id) => Math.exp((logits[id] - largest) / temperature))
  const total = weights.reduce((sum, weight) => sum + weight, 0)
  let kept = 0
  let count = 0
  while (count < weights.length && (count === 0 || kept < topP * total)) kept += weights[count++]
  let left = (random() / 2 ** 32) * kept
  for (let i = 0; i < count; i++) {
    left -= weights[i]
    if (left < 0) return candidates[i]
  }
  return candidates[count - 1]
}
