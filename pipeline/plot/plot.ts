export type Point = readonly [x: number, y: number]

/** Lines, or dots, over x in [0, 1]. */
export interface Plot {
  readonly mark: 'line' | 'dot'
  /** Each by rising x. A line with two points at one x jumps there. */
  readonly series: readonly (readonly Point[])[]
  readonly x: string
  readonly y: string
}

/** Range of the vertical axis: from zero, or from the lowest point below it. */
export function rangeOf({ series }: Plot): [low: number, high: number] {
  const ys = series.flatMap((points) => points.map(([, y]) => y))
  const [low, high] = [Math.min(0, ...ys), Math.max(...ys)]
  return high > low ? [low, high] : [low, low + 1]
}

/** A number at an axis. */
export function label(value: number): string {
  return `${Number(value.toPrecision(2))}`
}
