import { descending } from './descending.ts'
import type { Limit } from './limit.ts'

/** Indices, ascending, of the `count` largest scores; of equal ones, those that come first. */
export function hardest(scores: Float32Array, count: number): Int32Array {
  const threshold = scores.toSorted()[scores.length - count]
  let ties = count
  for (let i = 0; i < scores.length; i++) if (scores[i] > threshold) ties--
  const kept = new Int32Array(count)
  let next = 0
  for (let i = 0; i < scores.length; i++) {
    if (scores[i] > threshold || (scores[i] === threshold && ties-- > 0)) kept[next++] = i
  }
  return kept
}

/**
 * Indices, ascending, of the `count` largest scores behind the `dropped` largest, passing over those that a limit does
 * not allow beside what is kept: the next hardest takes the place. Fewer than `count` where too few are left, but one at
 * least.
 */
export function hardestWithin(
  scores: Float32Array,
  count: number,
  dropped: number,
  limits: readonly Limit[],
): Int32Array {
  const order = descending(scores)
  const kept = new Int32Array(count)
  let next = 0
  for (let i = Math.min(dropped, order.length - 1); i < order.length && next < count; i++) {
    const item = order[i]
    if (!limits.every((limit) => limit.allows(item))) continue
    for (const limit of limits) limit.count(item)
    kept[next++] = item
  }
  return kept.subarray(0, next).sort()
}
