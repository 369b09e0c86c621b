import type { Measure, RankedCorpus } from './order.ts'

/**
 * For each of the rising `shares` in (0, 1], how many of the easiest documents it takes to hold that share of the
 * corpus. Every share holds at least one document more than the one before it, so there must be at least as many
 * documents as shares. Measured in tokens, as a run's progress is, groups of equal size take equally long to read.
 */
export function quantiles(corpus: RankedCorpus, shares: readonly number[], by: Measure = 'tokens'): number[] {
  const { ascending } = corpus
  const size = sizes(corpus, by)
  const total = totalSize(corpus, by)
  let held = 0
  let count = 0
  return shares.map((share, i) => {
    const atMost = ascending.length - (shares.length - 1 - i)
    do held += size(ascending[count++])
    while (count < atMost && held < share * total)
    return count
  })
}

/** Size of a document. */
export function sizes({ lengths }: RankedCorpus, by: Measure): (document: number) => number {
  return by === 'tokens' ? (document) => lengths[document] : () => 1
}

/** Size of the corpus. */
export function totalSize({ lengths }: RankedCorpus, by: Measure): number {
  return by === 'tokens' ? lengths.reduce((sum, length) => sum + length, 0) : lengths.length
}
