import { label, type Plot, rangeOf } from './plot.ts'

/** Bits of a braille character's dots by row and column, from U+2800 on. */
const dots = [
  [0x01, 0x08],
  [0x02, 0x10],
  [0x04, 0x20],
  [0x40, 0x80],
]

/** Draws a plot in braille characters, each of which holds two by four dots, with its axes. */
export function brailleOf(plot: Plot, columns = 64, rows = 12): string {
  const [low, high] = rangeOf(plot)
  const [width, height] = [2 * columns, 4 * rows]
  const cells = Array.from({ length: rows }, () => new Uint8Array(columns))
  const set = (x: number, y: number) => (cells[y >> 2][x >> 1] |= dots[y & 3][x & 1])
  for (const points of plot.series) {
    let before: readonly [number, number] | undefined
    for (const [x, y] of points) {
      const at = [
        Math.round(x * (width - 1)),
        Math.round((1 - (y - low) / (high - low)) * (height - 1)),
      ] as const
      set(...at)
      if (plot.mark === 'line' && before) connect(before, at, set)
      before = at
    }
  }
  const labels = cells.map((_, row) => (row === 0 ? label(high) : row === rows - 1 ? label(low) : ''))
  const margin = Math.max(...labels.map((text) => text.length))
  const lines = cells.map(
    (cell, row) =>
      `${labels[row].padStart(margin)} ┤${String.fromCodePoint(...[...cell].map((bits) => 0x2800 + bits))}`,
  )
  const under = `${' '.repeat(margin)}  0${plot.x.padStart((columns + plot.x.length) >> 1).padEnd(columns - 2)}1`
  return `${[plot.y, ...lines, under].join('\n')}\n`
}

/** Sets the dots of a straight line, one for each step along its longer side. */
function connect(
  [x0, y0]: readonly [number, number],
  [x1, y1]: readonly [number, number],
  set: (x: number, y: number) => void,
): void {
  const steps = Math.max(Math.abs(x1 - x0), Math.abs(y1 - y0))
  for (let i = 1; i < steps; i++) {
    set(Math.round(x0 + ((x1 - x0) * i) / steps), Math.round(y0 + ((y1 - y0) * i) / steps))
  }
}
