import type { RankedCorpus } from './order.ts'

/**
 * For each of the rising `shares` in (0, 1], how many of the easiest documents it takes to hold that share of the
 * corpus's tokens. Every share holds at least one document more than the one before it, so there must be at least as
 * many documents as shares. Tokens, not documents, are counted because a run's progress is.
 */
export function tokenQuantiles({ lengths, ascending }: RankedCorpus, shares: readonly number[]): number[] {
  const total = lengths.reduce((sum, length) => sum + length, 0)
  let held = 0
  let count = 0
  return shares.map((share, i) => {
    const atMost = ascending.length - (shares.length - 1 - i)
    do held += lengths[ascending[count++]]
    while (count < atMost && held < share * total)
    return count
  })
}
