import type { Evaluation } from '../../../schemas/run-record.ts'
import { formatNumber } from '../../progress.ts'
import { scrolling } from '../figure.ts'
import { type Html, html } from '../html.ts'
import { optionsOf, type RunFolder } from '../run-folder.ts'

/** What was run, on what, and what it came to. */
export function runsSection(runs: readonly RunFolder[]): Html {
  const rows: [string, (run: RunFolder) => string][] = [
    ['held-out bits per byte', bitsPerByte],
    ['steps', stepsDone],
    ['tokens', ({ steps }) => count(steps.reduce((sum, { tokens }) => sum + tokens, 0))],
    ['tokens per second', speed],
    ['parameters', ({ setup }) => (setup ? count(setup.parameters) : '–')],
    ['stages', stagesOf],
    ['shards', (run) => text(optionsOf(run, 'read-shards')?.shards)],
    ['order', (run) => text(optionsOf(run, 'order')?.order)],
    ['back end', ({ setup }) => (setup ? `${setup.backend.name} (${setup.backend.device})` : '–')],
    ['machine', machineOf],
    ['gradus', ({ setup }) => setup?.gradus ?? '–'],
    ['folder', ({ folder }) => folder],
  ]
  return html`<section aria-labelledby="runs" id="runs-section">
    <h2 id="runs">${runs.length === 1 ? 'The run' : 'The runs'}</h2>
    ${scrolling(
      'What was run',
      html`<table class="facts">
        <thead>
          <tr>
            <th scope="col">run</th>
            ${runs.map(({ name }) => html`<th scope="col">${name}</th>`)}
          </tr>
        </thead>
        <tbody>
          ${rows.map(
            ([name, value]) =>
              html`<tr>
                <th scope="row">${name}</th>
                ${runs.map((run) => html`<td>${value(run)}</td>`)}
              </tr>`,
          )}
        </tbody>
      </table>`,
    )}
    ${runs.map(
      ({ name, graphText }, i) =>
        html`<details id="graph-${i}">
          <summary>graph.yaml of ${name}</summary>
          ${scrolling(`graph.yaml of ${name}`, html`<pre>${graphText}</pre>`)}
        </details>`,
    )}
  </section>`
}

function bitsPerByte({ evaluations, record }: RunFolder): string {
  const [first, last] = [evaluations[0] as Evaluation | undefined, evaluations.at(-1)]
  if (!first || !last) return 'not evaluated'
  const start = first === last ? '' : ` (at first ${formatNumber(first.bitsPerByte)})`
  const mean = record?.mean ? `, mean of the last models ${formatNumber(record.mean.bitsPerByte)}` : ''
  return `${formatNumber(last.bitsPerByte)}${start}${mean}, unigram model ${formatNumber(last.unigramBitsPerByte)}`
}

function stepsDone({ steps, record }: RunFolder): string {
  return record ? count(record.steps) : `${count(steps.length)}, not at its end`
}

function speed({ steps }: RunFolder): string {
  const seconds = steps.reduce((sum, { stepMs }) => sum + stepMs, 0) / 1000
  return seconds > 0 ? count(Math.round(steps.reduce((sum, { tokens }) => sum + tokens, 0) / seconds)) : '–'
}

function machineOf({ setup }: RunFolder): string {
  if (!setup?.machine) return '–'
  const { name, processor, cores, platform, node } = setup.machine
  return `${name}: ${processor}, ${cores} cores, ${platform}, Node ${node}`
}

function stagesOf({ graph }: RunFolder): string {
  return (
    graph?.nodes.map(({ stage }) => stage.name).join(' → ') ?? 'this version of gradus cannot read the graph'
  )
}

function text(option: unknown): string {
  return typeof option === 'string' ? option : '–'
}

function count(number: number): string {
  return number.toLocaleString('en')
}
