import type { RandomSource } from '../../seeded-random.ts'

/** Items that stand for all of them. */
export interface Sample {
  /** Ascending, each once. */
  readonly items: Int32Array
  /** Weight of each: the weighted sum of anything over the sample is, on average, its mean over all N items. */
  readonly weights: Float32Array
}

/**
 * Share of the sample that is spread evenly. Without it an item with a score near zero and a large loss would come
 * seldom and then with a weight without bound; with it, no weight is more than its inverse times an even one.
 */
const evenShare = 0.01

/**
 * Keeps exactly `count` of the items, each with a probability π that is proportional to score^power, but for the even
 * share and for those that would come more than once and always come instead. Its weight is 1/(N·π) (Horvitz and
 * Thompson 1952, 10.1080/01621459.1952.10483446). One uniform number draws them all, by systematic sampling: the
 * probabilities are laid end to end, and an item is kept where a whole number of steps from that number falls on it.
 *
 * @param scores those below zero, as rounding makes of the losses of tokens that are all but certain, count as zero
 */
export function sample(scores: Float32Array, count: number, power: number, random: RandomSource): Sample {
  const chances = inclusionChances(scores, count, power)
  const items = new Int32Array(count)
  const weights = new Float32Array(count)
  const offset = random() / 2 ** 32
  let [sum, next] = [0, 0]
  for (let i = 0; i < chances.length && next < count; i++) {
    sum += chances[i]
    if (sum <= next + offset) continue
    items[next] = i
    weights[next++] = 1 / (chances.length * chances[i])
  }
  return { items: items.subarray(0, next), weights: weights.subarray(0, next) }
}

/** Probability of each item to be among the `count` kept ones; their sum is `count`. */
function inclusionChances(scores: Float32Array, count: number, power: number): Float64Array {
  const total = scores.length
  const chances = new Float64Array(total)
  let largest = 0
  for (let i = 0; i < total; i++) largest = Math.max(largest, scores[i])
  let sum = 0
  for (let i = 0; i < total; i++) {
    // A number below zero has no fractional power.
    chances[i] = largest > 0 ? (Math.max(0, scores[i]) / largest) ** power : 1
    sum += chances[i]
  }
  for (let i = 0; i < total; i++) {
    chances[i] = count * ((1 - evenShare) * (chances[i] / sum) + evenShare / total)
  }
  // Those that reach 1 stay there, and the others share what is left, until none comes to reach it.
  for (;;) {
    let [certain, rest, reached] = [0, 0, false]
    for (let i = 0; i < total; i++) {
      if (chances[i] >= 1) certain++
      else rest += chances[i]
      reached ||= chances[i] > 1
    }
    if (!reached) return chances
    const factor = (count - certain) / rest
    for (let i = 0; i < total; i++) chances[i] = chances[i] >= 1 ? 1 : chances[i] * factor
  }
}
