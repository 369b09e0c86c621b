import type { RandomSource } from '../seeded-random.ts'

export interface Sampling {
  /** Divides the logits; 0 always takes the likeliest token. */
  readonly temperature: number
  /** Only so many of the likeliest tokens; 0 for all. */
  readonly topK: number
  /** Only the likeliest tokens that together reach this probability (nucleus sampling, arXiv 1904.09751); 1 for all. */
  readonly topP: number
}

/** Draws the next token's id by its logits `[V]`; of equally likely ones that not all may stay, those with lower ids do. */
export function sampleToken(
  logits: Float32Array,
  { temperature, topK, topP }: Sampling,
  random: RandomSource,
): number {
  const largest = logits.reduce((a, b) => Math.max(a, b))
  if (temperature === 0) return logits.indexOf(largest)
  const weights = new Float64Array(logits.length)
  for (let id = 0; id < weights.length; id++) weights[id] = Math.exp((logits[id] - largest) / temperature)
  const { least, total, ...kept } = cut(weights, topK > 0 ? topK : weights.length, topP)
  let left = (random() / 2 ** 32) * total
  let drawn = 0
  let ties = kept.ties
  for (let id = 0; id < weights.length; id++) {
    if (weights[id] < least || (weights[id] === least && ties-- <= 0)) continue
    drawn = id
    left -= weights[id]
    if (left < 0) break
  }
  return drawn
}

/** How far down weights stay: to `least`, of which `ties` stay; `total` is the sum of all that do. */
function cut(weights: Float64Array, topK: number, topP: number) {
  // Sorting takes longer than all else, and most texts are drawn from all tokens.
  if (topK >= weights.length && topP >= 1) return { least: 0, ties: Infinity, total: sum(weights) }
  const likeliest = weights.toSorted().reverse().subarray(0, topK)
  const enough = topP * sum(likeliest)
  let total = 0
  let count = 0
  while (count < likeliest.length && (count === 0 || total < enough)) total += likeliest[count++]
  const least = likeliest[count - 1]
  return { least, ties: count - likeliest.indexOf(least), total }
}

function sum(values: Float64Array): number {
  let total = 0
  for (const value of values) total += value
  return total
}
