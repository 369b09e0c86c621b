import { descending } from './descending.ts'

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

/** A limit on how many items of a kind are kept. */
export interface Cap {
  /** `[N]` kind of each item, in [0, N); -1 for one that is under no limit. */
  readonly kinds: Int32Array
  readonly most: number
}

/**
 * Indices, ascending, of the `count` largest scores behind the `dropped` largest, passing over those whose kind has its
 * share already: the next hardest takes the place. Fewer than `count` where too few are left, but one at least.
 */
export function hardestWithin(
  scores: Float32Array,
  count: number,
  dropped: number,
  caps: readonly Cap[],
): Int32Array {
  const order = descending(scores)
  const seen = caps.map(() => new Int32Array(scores.length))
  const kept = new Int32Array(count)
  let next = 0
  for (let i = Math.min(dropped, order.length - 1); i < order.length && next < count; i++) {
    if (isWithin(order[i], caps, seen)) kept[next++] = order[i]
  }
  return kept.subarray(0, next).sort()
}

/** Whether no limit is reached for `item`, which is counted then. */
function isWithin(item: number, caps: readonly Cap[], seen: readonly Int32Array[]): boolean {
  for (let c = 0; c < caps.length; c++) {
    const kind = caps[c].kinds[item]
    if (kind >= 0 && seen[c][kind] >= caps[c].most) return false
  }
  for (let c = 0; c < caps.length; c++) {
    const kind = caps[c].kinds[item]
    if (kind >= 0) seen[c][kind]++
  }
  return true
}
