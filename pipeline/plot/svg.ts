import { label, type Plot, type Point, rangeOf } from './plot.ts'

const [width, height] = [360, 200]
const [left, right, top, bottom] = [44, 10, 22, 34]
/** Told apart on light and on dark pages, and by people who see few colours (Okabe and Ito). */
const colours = ['#0072b2', '#d55e00', '#009e73']

/** Draws a plot as an SVG image with its axes, for light and dark pages alike. */
export function svgOf(plot: Plot): string {
  const [low, high] = rangeOf(plot)
  const place = ([x, y]: Point) => {
    const across = left + x * (width - left - right)
    const down = top + (1 - (y - low) / (high - low)) * (height - top - bottom)
    return `${across.toFixed(1)} ${down.toFixed(1)}`
  }
  const marks = plot.series.map((points, i) => {
    const path =
      plot.mark === 'line'
        ? `M${points.map(place).join('L')}`
        : points.map((point) => `M${place(point)}h0`).join('')
    const pen = plot.mark === 'line' ? 2 : 2.4
    return `<path d="${path}" fill="none" stroke="${colours[i % colours.length]}" stroke-width="${pen}" stroke-linecap="round"/>`
  })
  const text = (x: number, y: number, anchor: string, content: string) =>
    `<text x="${x}" y="${y}" text-anchor="${anchor}">${content}</text>`
  const [end, base] = [width - right, height - bottom]
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}">`,
    `<path d="M${left} ${top}V${base}H${end}" fill="none" stroke="#808080"/>`,
    '<g font-family="sans-serif" font-size="12" fill="#808080">',
    text(left - 6, top + 4, 'end', label(high)),
    text(left - 6, base + 4, 'end', label(low)),
    text(left, base + 16, 'middle', '0'),
    text(end, base + 16, 'end', '1'),
    text((left + end) / 2, base + 28, 'middle', plot.x),
    text(left, top - 9, 'start', plot.y),
    '</g>',
    ...marks,
    '</svg>\n',
  ].join('\n')
}
