import { formatNumber } from '../progress.ts'
import { chart, seriesColour, seriesDash } from './chart.ts'
import { type Html, html } from './html.ts'
import type { PlotData } from './plot-data.ts'

export interface FigureText {
  /** Unique on the page. */
  readonly id: string
  readonly title: string
  /** One sentence: what there is to see. */
  readonly caption: string
}

/** A figure with its legend, and its numbers as a table; nothing where there is nothing to draw. */
export async function figure({ id, title, caption }: FigureText, data: PlotData): Promise<Html> {
  if (data.series.length === 0 || data.places.length === 0) return html``
  const names = data.series.map(({ name }) => name)
  const label = `${title}: ${data.y} by ${data.x}${!isOfOneKind(data) && names.length > 1 ? `, for ${names.join(', ')}` : ''}. The table below has the numbers.`
  return html`<figure id="${id}">
    <h3>${title}</h3>
    ${isOfOneKind(data) ? '' : legend(data)} ${await chart(data, label)}
    <figcaption>${caption}</figcaption>
    ${tableOf(id, title, data)}
  </figure>`
}

/** Whether there is nothing to tell apart by colour. */
function isOfOneKind({ kind }: PlotData): boolean {
  return kind === 'histogram' || kind === 'intervals'
}

function legend({ kind, series }: PlotData): Html {
  return html`<ul class="legend">
    ${series.map(({ name, colour }) => {
      const pen =
        kind === 'bars'
          ? html`<rect width="12" height="12" y="0" fill="${seriesColour(colour)}" />`
          : html`<path
              d="M0 6h28"
              stroke="${seriesColour(colour)}"
              stroke-width="2.5"
              stroke-dasharray="${seriesDash(colour)}"
            />`
      return html`<li>
        <svg width="${kind === 'bars' ? 12 : 28}" height="12" aria-hidden="true">${pen}</svg> ${name}
      </li>`
    })}
  </ul>`
}

function tableOf(id: string, title: string, { x, places, series }: PlotData): Html {
  return html`<details id="${id}-table">
    <summary>Table of ${title.toLowerCase()}</summary>
    ${scrolling(
      title,
      html`<table>
        <thead>
          <tr>
            <th scope="col">${x}</th>
            ${series.map(({ name }) => html`<th scope="col">${name}</th>`)}
          </tr>
        </thead>
        <tbody>
          ${places.map(
            (place, i) =>
              html`<tr>
                <th scope="row">${typeof place === 'number' ? formatNumber(place) : place}</th>
                ${series.map(({ values }) => html`<td>${cell(values[i])}</td>`)}
              </tr>`,
          )}
        </tbody>
      </table>`,
    )}
  </details>`
}

function cell(value: number | null): string {
  return value === null ? '–' : formatNumber(value)
}

/** Something wide that scrolls by itself, by keys too. */
export function scrolling(label: string, content: Html): Html {
  return html`<div class="scrolling" role="region" aria-label="${label}" tabindex="0">${content}</div>`
}
