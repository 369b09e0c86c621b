import type { Measure, Lengths } from './order.ts'

/**
 * For each of the rising `shares` in (0, 1], how many of the easiest documents it takes to hold that share of the
 * corpus. Every share holds at least one document more than the one before it, so there must be at least as many
 * documents as shares. Measured in tokens, as a run's progress is, groups of equal size take equally long to read.
 */
export function quantiles(lengths: Lengths, shares: readonly number[], by: Measure = 'tokens'): number[] {
  const size = sizes(lengths, by)
  const total = totalSize(lengths, by)
  let held = 0
  let count = 0
  return shares.map((share, i) => {
    const atMost = lengths.length - (shares.length - 1 - i)
    do held += size(count++)
    while (count < atMost && held < share * total)
    return count
  })
}

/** Size of the document at a place. */
export function sizes(lengths: Lengths, by: Measure): (place: number) => number {
  return by === 'tokens' ? (place) => lengths[place] : () => 1
}

/** Size of the corpus. */
export function totalSize(lengths: Lengths, by: Measure): number {
  if (by === 'documents') return lengths.length
  let total = 0
  for (const length of lengths) total += length
  return total
}
