/** A point of a curve; nothing is drawn where `y` is null. */
export interface Place {
  readonly x: number
  readonly y: number | null
}

export interface Series {
  readonly name: string
  /** Of the page's colours, from 0: a run has the same in all figures. */
  readonly colour: number
  readonly values: readonly (number | null)[]
}

/** What a figure shows, and its table says. */
export interface PlotData {
  /** Intervals lie along y, a place each, with three series: the middle, and the lower and the upper end. */
  readonly kind: 'curves' | 'bars' | 'histogram' | 'intervals'
  readonly x: string
  readonly y: string
  /** Places along x: numbers by rising value for curves, names for bars, lower ends of bins for a histogram. */
  readonly places: readonly (number | string)[]
  /** A value that intervals are looked at for: whether they hold it. */
  readonly reference?: number
  /** Whether values are shares, in [0, 1], and drawn as such. */
  readonly isShare?: boolean
  /** Of a histogram's bins. */
  readonly binWidth?: number
  /** Each with a value a place. */
  readonly series: readonly Series[]
}

/** Curves of more places than this are not told apart from fewer at the size of a figure. */
const mostPlaces = 120

/**
 * Curves over steps on common places: each place is the last step of as many as it takes for there to be few places, and
 * each value the mean over those steps.
 */
export function curves(
  x: string,
  y: string,
  all: readonly (Omit<Series, 'values'> & { readonly points: readonly Place[] })[],
): PlotData {
  const drawn = all.filter(({ points }) => points.some(({ y }) => y !== null))
  const xs = [...new Set(drawn.flatMap(({ points }) => points.map(({ x }) => x)))].sort((a, b) => a - b)
  const width = Math.max(1, Math.ceil(xs.length / mostPlaces))
  const bin = new Map(xs.map((x, i) => [x, Math.floor(i / width)]))
  const places = xs.filter((_, i) => i % width === width - 1 || i === xs.length - 1)
  const series = drawn.map(({ name, colour, points }) => {
    const [sums, counts] = [new Float64Array(places.length), new Float64Array(places.length)]
    for (const { x, y } of points) {
      if (y === null) continue
      sums[bin.get(x) as number] += y
      counts[bin.get(x) as number]++
    }
    return {
      name,
      colour,
      values: places.map((_, i) => (counts[i] === 0 ? null : sums[i] / counts[i])),
    }
  })
  return { kind: 'curves', x, y, places, series }
}
