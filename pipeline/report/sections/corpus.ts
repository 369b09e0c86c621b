import type { Extreme, Inspection, MetricInspection } from '../../inspection.ts'
import { formatNumber } from '../../progress.ts'
import type { Corpus } from '../corpora.ts'
import { figure, scrolling } from '../figure.ts'
import { type Html, html } from '../html.ts'

/** Distributions of difficulty, and the documents at their ends. */
export async function corpusSection(corpus: Corpus, index: number): Promise<Html> {
  const { folder, inspection, refusal } = corpus
  return html`<section aria-labelledby="corpus-${index}" id="corpus-${index}-section">
    <h2 id="corpus-${index}">The data: ${folder}</h2>
    ${inspection ? await describe(inspection, index) : html`<p>Nothing can be said of it: ${refusal ?? ''}</p>`}
  </section>`
}

async function describe(inspection: Inspection, index: number): Promise<Html> {
  const { documents, bytes, tokens, vocabulary, heldOut, metrics } = inspection
  const figures = await Promise.all(metrics.map((metric, i) => distribution(metric, `metric-${index}-${i}`)))
  return html`<p>
      ${count(documents)} documents, ${count(bytes)} bytes of text, ${count(tokens)} tokens of a vocabulary of
      ${count(vocabulary)}; about ${formatNumber(heldOut * 100)} % of the documents are held out.
    </p>
    <div class="figures">${figures}</div>
    ${correlations(inspection, index)}
    <h3>Easiest and hardest documents</h3>
    ${metrics.map((metric, i) => extremes(metric, `extremes-${index}-${i}`))}`
}

function distribution(metric: MetricInspection, id: string): Promise<Html> {
  const { name, hardEnd, mean, minimum, maximum, flagged, histogram } = metric
  const { lowest, highest, counts } = histogram
  // Where all values are alike, they are in the first bin.
  const bins = highest > lowest ? counts : counts.slice(0, 1)
  const binWidth = (highest - lowest) / counts.length || 1
  const notes = [
    `Mean ${formatNumber(mean)}, from ${formatNumber(minimum)} to ${formatNumber(maximum)}; the 1/32 at either end are not drawn.`,
    `Hard documents have ${hardEnd} values.`,
    ...(flagged > 0 ? [`${count(flagged)} flagged.`] : []),
  ]
  return figure(
    { id, title: name, caption: notes.join(' ') },
    {
      kind: 'histogram',
      x: name,
      y: 'documents',
      places: bins.map((_, bin) => lowest + bin * binWidth),
      binWidth,
      series: [{ name: 'documents', colour: 0, values: bins }],
    },
  )
}

function correlations({ correlations: { columns, matrix, documents } }: Inspection, index: number): Html {
  if (columns.length < 2) return html``
  const name = (column: string) => (column === 'bytes' ? 'length in bytes' : column)
  return html`<h3>Rank correlations</h3>
    <p>Spearman’s, over ${count(documents)} documents; metrics that say the same are near 1 or −1.</p>
    ${scrolling(
      `Rank correlations ${index + 1}`,
      html`<table class="matrix">
        <thead>
          <tr>
            <td></td>
            ${columns.map((column) => html`<th scope="col">${name(column)}</th>`)}
          </tr>
        </thead>
        <tbody>
          ${matrix.map(
            (row, i) =>
              html`<tr>
                <th scope="row">${name(columns[i])}</th>
                ${row.map(
                  (rho) =>
                    html`<td style="--strength: ${rho === null ? 0 : Math.round(Math.abs(rho) * 40)}%">
                      ${rho === null ? '–' : rho.toFixed(2).replace('-', '−')}
                    </td>`,
                )}
              </tr>`,
          )}
        </tbody>
      </table>`,
    )}`
}

function extremes({ name, easiest, hardest }: MetricInspection, id: string): Html {
  const rows = (end: string, documents: readonly Extreme[]) =>
    documents.map(
      ({ value, id, beginning }) =>
        html`<tr>
          <th scope="row">${end}</th>
          <td>${formatNumber(value)}</td>
          <td><bdi>${id}</bdi></td>
          <td class="prose"><bdi>${beginning}</bdi></td>
        </tr>`,
    )
  return html`<details id="${id}">
    <summary>By ${name}</summary>
    ${scrolling(
      `Easiest and hardest by ${name}`,
      html`<table>
        <thead>
          <tr>
            <th scope="col">end</th>
            <th scope="col">value</th>
            <th scope="col">document</th>
            <th scope="col">begins</th>
          </tr>
        </thead>
        <tbody>
          ${rows('easiest', easiest)} ${rows('hardest', hardest)}
        </tbody>
      </table>`,
    )}
  </details>`
}

function count(number: number): string {
  return number.toLocaleString('en')
}
