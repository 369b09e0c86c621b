import colors from 'picocolors'
import type { Correlations, Extreme, Inspection, MetricInspection } from './inspection.ts'
import { formatNumber } from './progress.ts'
import { fitted, padded } from './terminal-text.ts'

/** Levels of a histogram's bar in one line of text; it takes two lines. */
const bars = ' ▁▂▃▄▅▆▇█'
const levels = bars.length - 1
const longestId = 24
/** From here on a correlation is worth a look. */
const strong = 0.5

/** An inspection for a terminal that is `width` columns wide. */
export function renderInspection(inspection: Inspection, width: number): string {
  return [
    renderSizes(inspection),
    ...inspection.metrics.map((metric) => renderMetric(metric, width)),
    renderCorrelations(inspection.correlations, inspection.documents),
  ].join('\n')
}

function renderSizes({ folder, documents, parts, heldOut, bytes, tokens, vocabulary }: Inspection): string {
  return lines(
    colors.bold(folder),
    `  ${count(documents)} documents in ${count(parts)} ${parts === 1 ? 'part' : 'parts'}, about ${formatNumber(heldOut * 100)} % of them held out`,
    `  ${count(bytes)} bytes of text`,
    `  ${count(tokens)} tokens of a vocabulary of ${count(vocabulary)}${tokens > 0 ? `, ${formatNumber(bytes / tokens)} bytes each` : ''}`,
  )
}

function renderMetric(metric: MetricInspection, width: number): string {
  const { name, hardEnd, mean, minimum, maximum, flagged, histogram, easiest, hardest } = metric
  const [lowest, highest] = alike([histogram.lowest, histogram.highest])
  const notes = [
    `mean ${formatNumber(mean)}`,
    `from ${formatNumber(minimum)} to ${formatNumber(maximum)}`,
    ...(flagged > 0 ? [`${count(flagged)} flagged`] : []),
  ]
  const curve = renderHistogram(histogram.counts, width - 4)
  const left = hardEnd === 'low' ? `${lowest} hard` : `${lowest} easy`
  const right = hardEnd === 'low' ? `easy ${highest}` : `hard ${highest}`
  return lines(
    `${colors.bold(name)}  ${notes.join(', ')}`,
    ...curve.map((line) => `  ${colors.cyan(line)}`),
    `  ${colors.dim(left + right.padStart(curve[0].length - left.length))}`,
    ...renderExtremes(easiest, hardest, width),
  )
}

/** Two lines: the upper and the lower half of the bars, each as wide as a whole number of characters allows. */
function renderHistogram(counts: readonly number[], width: number): [string, string] {
  const most = Math.max(1, ...counts)
  const barWidth = Math.max(1, Math.floor(width / counts.length))
  // A bin that holds a document shows it.
  const heights = counts.map((count) => Math.ceil((count / most) * 2 * levels))
  const line = (base: number) =>
    heights.map((height) => bars[clamp(height - base, 0, levels)].repeat(barWidth)).join('')
  return [line(levels), line(0)]
}

/** Both lists as columns: the value, the id, and as much of the text as fits. */
function renderExtremes(easiest: readonly Extreme[], hardest: readonly Extreme[], width: number): string[] {
  const documents = [...easiest, ...hardest]
  const values = alike(documents.map(({ value }) => value))
  const valueWidth = Math.max(...values.map(({ length }) => length))
  const idWidth = Math.min(longestId, Math.max(...documents.map(({ id }) => id.length)))
  return documents.map(({ id, beginning }, index) => {
    const title = index === 0 ? 'easiest' : index === easiest.length ? 'hardest' : ''
    const start = `  ${title.padEnd(7)}  ${values[index].padStart(valueWidth)}  `
    const shownId = id.length > idWidth ? `…${id.slice(1 - idWidth)}` : id
    const room = width - start.length - idWidth - 2
    return `${start}${colors.dim(padded(shownId, idWidth))}  ${fitted(beginning, room)}`
  })
}

/** The lower triangle; columns are headed by the numbers of the rows. */
function renderCorrelations({ documents, columns, matrix }: Correlations, all: number): string {
  const names = columns.map((name, index) => `${index + 1} ${name === 'bytes' ? 'length in bytes' : name}`)
  const nameWidth = Math.max(...names.map(({ length }) => length))
  const heads = columns.slice(0, -1).map((_, index) => String(index + 1).padStart(7))
  const over = documents === all ? '' : `, over ${count(documents)} documents drawn at random`
  return lines(
    `${colors.bold('rank correlation')}  Spearman's, between metrics and with length${over}`,
    colors.dim(`  ${' '.repeat(nameWidth)}${heads.join('')}`),
    ...matrix.map((row, index) => {
      const cells = row.slice(0, index).map(renderCorrelation)
      return `  ${names[index].padEnd(nameWidth)}${cells.join('')}`
    }),
  )
}

function renderCorrelation(rho: number | null): string {
  const text = (rho === null ? '·' : rho.toFixed(2).replace('-', '−')).padStart(7)
  return rho !== null && Math.abs(rho) >= strong ? colors.bold(text) : text
}

/** Numbers with as many decimals each as show four digits of the largest, where that does not hide the smallest. */
function alike(values: readonly number[]): string[] {
  const sizes = values.map(Math.abs).filter((size) => size > 0)
  const largest = Math.max(1, ...sizes)
  if (largest > 1000 * Math.min(largest, ...sizes)) return values.map(formatNumber)
  const decimals = clamp(3 - Math.floor(Math.log10(largest)), 0, 3)
  return values.map((value) => value.toFixed(decimals))
}

function clamp(value: number, low: number, high: number): number {
  return Math.min(high, Math.max(low, value))
}

function count(number: number): string {
  return number.toLocaleString('en')
}

function lines(...all: string[]): string {
  return all.map((line) => `${line.trimEnd()}\n`).join('')
}
