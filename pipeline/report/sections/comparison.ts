import type {
  Comparison,
  ComparedArm,
  PairedComparison,
  PairedDifference,
} from '../../../schemas/comparison.ts'
import { formatNumber } from '../../progress.ts'
import { figure, scrolling } from '../figure.ts'
import { type Html, html } from '../html.ts'
import type { PlotData } from '../plot-data.ts'

/** The arms of a comparison, and their paired differences with intervals. */
export async function comparisonSection(comparison: Comparison, index: number): Promise<Html> {
  const { experiment, machine, baseline, seeds, tokens, arms, comparisons, remarks } = comparison
  return html`<section aria-labelledby="comparison-${index}" id="comparison-${index}-section">
    <h2 id="comparison-${index}">The comparison: ${experiment}</h2>
    <p>
      ${seeds.length} seeds, ${tokens.toLocaleString('en')} tokens a run, against ${baseline}; on
      ${machine.processor} (${machine.cores} cores, ${machine.platform}, Node ${machine.node}).
    </p>
    ${remarks.map((remark) => html`<p>${remark}</p>`)}
    ${await figure(
      {
        id: `arms-${index}`,
        title: 'Arms',
        caption:
          'Final, held out: mean over the seeds, between the seed with the fewest and that with the most.',
      },
      armPlot(arms),
    )}
    ${table(
      `Arms ${index + 1}`,
      ['arm', 'role', 'learning rate', 'held-out bits per byte: mean', 'by seed'],
      arms.map(armCells),
    )}
    ${await figure(
      {
        id: `differences-${index}`,
        title: 'Paired differences',
        caption:
          'Final held-out bits per byte of an arm less those of the baseline, or of the arm that is named, by seed: the mean, and its 95 % bootstrap interval. Below zero is better.',
      },
      differencePlot(comparison),
    )}
    ${table(
      `Paired differences ${index + 1}`,
      ['arm', 'against', 'difference', 'interval', 'p', 'verdict', 'steps to the baseline’s final value'],
      comparisons.map(differenceCells),
    )}
  </section>`
}

function differencePlot({ baseline, comparisons }: Comparison): PlotData {
  const values = comparisons.map(({ bitsPerByte }) => bitsPerByte)
  return {
    kind: 'intervals',
    x: 'arm',
    y: 'difference in bits per byte',
    reference: 0,
    places: comparisons.map((compared) =>
      compared.against === baseline ? compared.arm : `${compared.arm} − ${againstOf(compared)}`,
    ),
    series: [
      { name: 'mean', colour: 0, values: values.map(({ mean }) => mean) },
      { name: 'interval from', colour: 0, values: values.map(({ interval: [low] }) => low) },
      { name: 'interval to', colour: 0, values: values.map(({ interval: [, high] }) => high) },
    ],
  }
}

function armPlot(all: readonly ComparedArm[]): PlotData {
  const arms = all.filter(({ runs }) => runs.length > 0)
  const values = arms.map(({ runs }) => runs.map(({ bitsPerByte }) => bitsPerByte))
  return {
    kind: 'intervals',
    x: 'arm',
    y: 'bits per byte',
    places: arms.map(({ name }) => name),
    series: [
      { name: 'mean', colour: 1, values: values.map(meanOf) },
      { name: 'fewest', colour: 1, values: values.map((bits) => Math.min(...bits)) },
      { name: 'most', colour: 1, values: values.map((bits) => Math.max(...bits)) },
    ],
  }
}

function meanOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}

function againstOf({ against, as }: PairedComparison): string {
  return as === against ? against : `${against} (${as})`
}

function armCells({ name, role, learningRate, runs }: ComparedArm): string[] {
  const values = runs.map(({ bitsPerByte }) => bitsPerByte)
  const mean = formatNumber(meanOf(values))
  return [name, role, formatNumber(learningRate), mean, values.map(formatNumber).join(', ')]
}

function differenceCells(compared: PairedComparison): string[] {
  const { arm, bitsPerByte, toBaseline } = compared
  return [
    arm,
    againstOf(compared),
    formatNumber(bitsPerByte.mean),
    intervalOf(bitsPerByte),
    formatNumber(bitsPerByte.pValue),
    bitsPerByte.verdict,
    toBaseline
      ? `${formatNumber(toBaseline.steps.mean)} (${intervalOf(toBaseline.steps)}), ${toBaseline.steps.verdict}`
      : 'not reached',
  ]
}

function intervalOf({ interval: [low, high] }: PairedDifference): string {
  return `${formatNumber(low)} to ${formatNumber(high)}`
}

function table(label: string, heads: readonly string[], rows: readonly (readonly string[])[]): Html {
  return scrolling(
    label,
    html`<table class="wide">
      <thead>
        <tr>
          ${heads.map((head) => html`<th scope="col">${head}</th>`)}
        </tr>
      </thead>
      <tbody>
        ${rows.map(
          ([first, ...rest]) =>
            html`<tr>
              <th scope="row">${first}</th>
              ${rest.map((cell) => html`<td>${cell}</td>`)}
            </tr>`,
        )}
      </tbody>
    </table>`,
  )
}
