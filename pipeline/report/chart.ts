import type { TopLevelSpec } from 'vega-lite'
import { formatNumber } from '../progress.ts'
import { Html, html } from './html.ts'
import type { PlotData } from './plot-data.ts'

/** In CSS pixels; narrow enough for a telephone, where figures stand one below the other. */
const [width, height] = [340, 210]
/** Of a figure of intervals: a name and a line, and the axis below them all. */
const [rowHeight, axisHeight] = [36, 44]
/** Lines that differ in colour differ in their dashes too. */
const dashes = [[], [6, 3], [2, 2], [9, 3, 2, 3], [4, 4], [12, 4]]

/** Colours of the page's style, by the place of a series. */
export function seriesColour(index: number): string {
  return `var(--series-${index % dashes.length})`
}

export function seriesDash(index: number): string {
  return dashes[index % dashes.length].join(' ')
}

let loading: ReturnType<typeof load> | undefined

/** Half a second's work, which nothing but a figure should wait for. */
async function load() {
  const vega = await import('vega')
  const { compile } = await import('vega-lite')
  return { vega, compile }
}

/** Draws a figure as SVG in the page's colours, with the values of a place in a title over it. */
export async function chart(data: PlotData, label: string): Promise<Html> {
  loading ??= load()
  const { vega, compile } = await loading
  const view = new vega.View(vega.parse(compile(specification(data)).spec), { renderer: 'none' })
  try {
    const svg = await view.toSVG()
    const scale = view.scale(data.kind === 'intervals' ? 'y' : 'x') as ((
      place: number | string,
    ) => number) & { bandwidth?(): number }
    const band = scale.bandwidth?.() ?? 0
    const { binWidth = 0 } = data
    const centres = data.places.map((place) => {
      return (typeof place === 'number' ? scale(place + binWidth / 2) : scale(place)) + band / 2
    })
    const [left, top] = view.origin()
    const { left: paddingLeft, top: paddingTop } = view.padding() as { left: number; top: number }
    const targets = hoverTargets(data, centres, view.width(), view.height())
    const overlay = html`<g transform="translate(${left + paddingLeft},${top + paddingTop})">${targets}</g>`
    const accessible = html`<svg role="img" aria-label="${label}" `
    return new Html(
      svg
        .replace('<svg ', () => accessible.markup)
        // The page says which colour means what, and a group within an image means nothing to those who hear it.
        .replaceAll(/ role="graphics-\w+"| aria-roledescription="[^"]*"/g, '')
        .replace(/ width="\d+" height="\d+"/, '')
        .replace(/<\/svg>$/, () => `${overlay.markup}</svg>`),
    )
  } finally {
    view.finalize()
  }
}

/** An invisible strip a place, which reaches half the way to its neighbours. */
function hoverTargets(data: PlotData, centres: readonly number[], width: number, height: number): Html[] {
  const isAcross = data.kind !== 'intervals'
  const end = isAcross ? width : height
  return data.places.map((place, i) => {
    const from = i === 0 ? 0 : (centres[i - 1] + centres[i]) / 2
    const to = i === centres.length - 1 ? end : (centres[i] + centres[i + 1]) / 2
    const shown = data.series.filter(({ values }) => values[i] !== null)
    const values = shown.map(({ name, values }) => `\n${name}: ${formatNumber(values[i] as number)}`)
    const name = typeof place === 'number' ? formatNumber(place) : place
    const text = html`<title>${`${data.x} ${name}${values.join('')}`}</title>`
    const [start, size] = [from, Math.max(0.1, to - from)].map((pixels) => Number(pixels.toFixed(1)))
    return isAcross
      ? html`<rect class="place" x="${start}" y="0" width="${size}" height="${height}">${text}</rect>`
      : html`<rect class="place" x="0" y="${start}" width="${width}" height="${size}">${text}</rect>`
  })
}

function specification(data: PlotData): TopLevelSpec {
  if (data.kind === 'intervals') return intervals(data)
  const { kind, x, y, places, binWidth = 0, isShare = false, series } = data
  const values = series.flatMap(({ values }, index) =>
    values.map((value, i) => ({ x: places[i], y: value, s: index })),
  )
  const colour = {
    field: 's',
    type: 'nominal' as const,
    legend: null,
    scale: { domain: series.map((_, i) => i), range: series.map(({ colour }) => seriesColour(colour)) },
  }
  const common = {
    width,
    height,
    autosize: { type: 'fit', contains: 'padding' },
    background: 'transparent',
    data: { values },
    config,
  } as const
  if (kind === 'histogram') {
    const bins = values.map((value) => ({ ...value, end: (value.x as number) + binWidth }))
    return {
      ...common,
      data: { values: bins },
      mark: { type: 'bar', aria: false },
      encoding: {
        x: {
          field: 'x',
          bin: 'binned',
          type: 'quantitative',
          title: x,
          axis: { tickCount: 5, labelFlush: true },
          scale: { nice: false, zero: false },
        },
        x2: { field: 'end' },
        y: { field: 'y', type: 'quantitative', title: y },
        color: colour,
      },
    }
  }
  if (kind === 'bars') {
    return {
      ...common,
      mark: { type: 'bar', aria: false },
      encoding: {
        x: { field: 'x', type: 'nominal', title: x, sort: null, axis: { labelOverlap: true, labelAngle: 0 } },
        y: {
          field: 'y',
          type: 'quantitative',
          title: y,
          ...(isShare && { scale: { domain: [0, 1] } }),
        },
        color: colour,
        ...(series.length > 1 && { xOffset: { field: 's' } }),
      },
    }
  }
  return {
    ...common,
    // A curve of one point is a dot.
    mark: { type: 'line', aria: false, strokeWidth: 1.75, point: places.length < 3 },
    encoding: {
      x: { field: 'x', type: 'quantitative', title: x, scale: { nice: false, zero: false } },
      y: {
        field: 'y',
        type: 'quantitative',
        title: y,
        scale: isShare ? { domain: [0, 1] } : { zero: false },
      },
      color: colour,
      strokeDash: {
        field: 's',
        type: 'nominal',
        legend: null,
        scale: {
          domain: series.map((_, i) => i),
          range: series.map(({ colour }) => dashes[colour % dashes.length]),
        },
      },
    },
  }
}

/** A line with a dot for each place, one below the other with its name over it, and a line for the reference. */
function intervals({ y, places, series, reference }: PlotData): TopLevelSpec {
  const [middle, low, high] = series
  const values = places.map((place, i) => ({
    place,
    middle: middle.values[i],
    low: low.values[i],
    high: high.values[i],
  }))
  const rows = { field: 'place', type: 'nominal' as const, sort: null, axis: null }
  const colour = { value: seriesColour(middle.colour) }
  const across = { type: 'quantitative' as const, title: y, scale: { zero: false } }
  const line = {
    mark: { type: 'rule' as const, aria: false, strokeDash: [4, 3] },
    encoding: { x: { datum: reference, ...across }, color: { value: 'var(--axis)' } },
  }
  return {
    width,
    height: places.length * rowHeight + axisHeight,
    autosize: { type: 'fit', contains: 'padding' },
    background: 'transparent',
    data: { values },
    config,
    layer: [
      ...(reference === undefined ? [] : [line]),
      {
        mark: { type: 'rule', aria: false, strokeWidth: 2, yOffset: 7 },
        encoding: { y: rows, x: { field: 'low', ...across }, x2: { field: 'high' }, color: colour },
      },
      {
        mark: { type: 'point', aria: false, filled: true, size: 60, opacity: 1, yOffset: 7 },
        encoding: { y: rows, x: { field: 'middle', ...across }, color: colour },
      },
      {
        mark: { type: 'text', aria: false, align: 'left', yOffset: -8, limit: width - 10, fontSize: 11 },
        encoding: {
          y: rows,
          x: { value: 0 },
          text: { field: 'place' },
          color: { value: 'currentColor' },
        },
      },
    ],
  }
}

const config = {
  aria: false,
  font: 'sans-serif',
  view: { stroke: 'transparent' },
  axis: {
    labelColor: 'currentColor',
    titleColor: 'currentColor',
    titleFontWeight: 'normal',
    labelFontSize: 11,
    titleFontSize: 12,
    gridColor: 'var(--grid)',
    domainColor: 'var(--axis)',
    tickColor: 'var(--axis)',
    tickCount: 5,
  },
} as const
