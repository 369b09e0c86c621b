import { argsort } from './argsort.ts'

/** A scored column with its part in the difficulty. */
export interface WeightedMetric {
  /** A value a document, `[n]`. */
  readonly values: Float64Array
  readonly hardEnd: 'high' | 'low'
  /** Above zero. */
  readonly weight: number
}

export interface Difficulty {
  /** `[n]` rank of each document's difficulty: 0 the easiest, 1 the hardest. */
  readonly hardness: Float32Array
  /** `[n]` documents from the easiest to the hardest; equally difficult ones in the order of the corpus. */
  readonly ascending: Uint32Array
}

/**
 * Difficulty of n documents: the weighted mean of their metrics' ranks, never of raw values, whose scales do not
 * compare. Without any metric all documents are equally difficult.
 */
export function difficulty(count: number, metrics: readonly WeightedMetric[]): Difficulty {
  const mean = new Float64Array(count)
  for (const { values, hardEnd, weight } of metrics) {
    const ranked = ranks(values, argsort(values))
    for (let i = 0; i < count; i++) mean[i] += weight * (hardEnd === 'high' ? ranked[i] : 1 - ranked[i])
  }
  const ascending = argsort(mean)
  return { hardness: Float32Array.from(ranks(mean, ascending)), ascending }
}

/**
 * Quantile in [0, 1] of each value; equal values share the mean of their ranks, and a single one has rank 0.5.
 *
 * @param ascending positions of the values from the smallest to the largest.
 */
export function ranks(values: Float64Array, ascending: Uint32Array): Float64Array {
  const ranked = new Float64Array(values.length)
  for (let start = 0, end = 0; start < values.length; start = end) {
    const value = values[ascending[start]]
    do end++
    while (end < values.length && values[ascending[end]] === value)
    const rank = tiedRank(start, end, values.length)
    for (let i = start; i < end; i++) ranked[ascending[i]] = rank
  }
  return ranked
}

/** The mean quantile of the values from `start` to before `end`, of `count` in ascending order; 0.5 of a single one. */
export function tiedRank(start: number, end: number, count: number): number {
  return count === 1 ? 0.5 : (start + end - 1) / 2 / (count - 1)
}
