import type { TopLevelSpec } from 'vega-lite'
import { formatNumber } from '../progress.ts'
import { Html, html } from './html.ts'
import type { PlotData } from './plot-data.ts'

/** In CSS pixels; narrow enough for a telephone, where figures stand one below the other. */
const [width, height] = [340, 210]
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
    const scale = view.scale('x') as ((place: number | string) => number) & { bandwidth?(): number }
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
  return data.places.map((place, i) => {
    const left = i === 0 ? 0 : (centres[i - 1] + centres[i]) / 2
    const right = i === centres.length - 1 ? width : (centres[i] + centres[i + 1]) / 2
    const shown = data.series.filter(({ values }) => values[i] !== null)
    const values = shown.map(({ name, values }) => `\n${name}: ${formatNumber(values[i] as number)}`)
    const name = typeof place === 'number' ? formatNumber(place) : place
    const text = html`<title>${`${data.x} ${name}${values.join('')}`}</title>`
    const [x, across] = [left, Math.max(0.1, right - left)].map((pixels) => Number(pixels.toFixed(1)))
    return html`<rect class="place" x="${x}" y="0" width="${across}" height="${height}">${text}</rect>`
  })
}

function specification({
  kind,
  x,
  y,
  places,
  binWidth = 0,
  isShare = false,
  series,
}: PlotData): TopLevelSpec {
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
