import { z } from 'zod'

/** Quantiles of a sketch are at 0, 1/32, ... 1. */
const intervals = 32

/** Summary of a metric over the rows of a part. Sketches of parts merge into one of the corpus. */
export const sketchSchema = z.object({
  count: z.int().nonnegative(),
  /** Rows with any flag. */
  flagged: z.int().nonnegative(),
  mean: z.number(),
  /** 33 of them: the first is the minimum, the last the maximum; none where there are no rows. */
  quantiles: z.array(z.number()),
})

export type Sketch = Readonly<z.output<typeof sketchSchema>>

/** Sketches `[rows]` values; quantiles are exact, linear between neighbours in rank. */
export function sketchOf(values: Float64Array, flags: Uint8Array): Sketch {
  const sorted = values.toSorted()
  const count = sorted.length
  const quantile = (at: number) => {
    const rank = (at / intervals) * (count - 1)
    const low = Math.floor(rank)
    return low + 1 < count ? sorted[low] + (rank - low) * (sorted[low + 1] - sorted[low]) : sorted[low]
  }
  let sum = 0
  for (const value of sorted) sum += value
  return {
    count,
    flagged: flags.reduce((total, flag) => total + (flag === 0 ? 0 : 1), 0),
    mean: count === 0 ? 0 : sum / count,
    quantiles: count === 0 ? [] : Array.from({ length: intervals + 1 }, (_, at) => quantile(at)),
  }
}

/**
 * The sketch of all rows together. Counts, mean, minimum and maximum are exact. Quantiles take a sketch's rows to be
 * spread evenly between its neighbouring quantiles: their rank is off by less than 1/32.
 */
export function mergeSketches(sketches: readonly Sketch[]): Sketch {
  const count = total(sketches, ({ count }) => count)
  return {
    count,
    flagged: total(sketches, ({ flagged }) => flagged),
    mean: count === 0 ? 0 : total(sketches, ({ count, mean }) => count * mean) / count,
    quantiles: count === 0 ? [] : mergedQuantiles(sketches, count),
  }
}

/** Inverts the sum of the sketches' piecewise-linear distributions, whose slope and jumps a sweep adds up. */
function mergedQuantiles(sketches: readonly Sketch[], count: number): number[] {
  const changes = new Map<number, { slope: number; jump: number }>()
  const change = (value: number, slope: number, jump: number) => {
    const known = changes.get(value)
    if (known === undefined) changes.set(value, { slope, jump })
    else changes.set(value, { slope: known.slope + slope, jump: known.jump + jump })
  }
  for (const { count, quantiles } of sketches) {
    const weight = count / intervals
    for (let at = 0; at + 1 < quantiles.length; at++) {
      const [from, to] = [quantiles[at], quantiles[at + 1]]
      const slope = weight / (to - from)
      if (!Number.isFinite(slope)) change(from, 0, weight)
      else {
        change(from, slope, 0)
        change(to, -slope, 0)
      }
    }
  }
  const knots = [...changes].sort(([a], [b]) => a - b)
  const maximum = knots[knots.length - 1][0]
  const merged = [knots[0][0]]
  let rows = 0
  let slope = 0
  let previous = knots[0][0]
  for (const [value, { slope: slopeChange, jump }] of knots) {
    const before = rows
    rows += slope * (value - previous)
    while (merged.length < intervals && rank(merged.length) <= rows) {
      merged.push(Math.min(value, previous + (rank(merged.length) - before) / slope))
    }
    rows += jump
    while (merged.length < intervals && rank(merged.length) <= rows) merged.push(value)
    slope += slopeChange
    previous = value
  }
  // Rounding may leave the last quantiles just out of reach.
  while (merged.length <= intervals) merged.push(maximum)
  return merged

  function rank(at: number): number {
    return (at / intervals) * count
  }
}

function total(sketches: readonly Sketch[], of: (sketch: Sketch) => number): number {
  return sketches.reduce((sum, sketch) => sum + of(sketch), 0)
}
