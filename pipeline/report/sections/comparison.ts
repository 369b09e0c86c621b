import type {
  Comparison,
  ComparedArm,
  PairedComparison,
  PairedDifference,
} from '../../../schemas/comparison.ts'
import { formatNumber } from '../../progress.ts'
import { scrolling } from '../figure.ts'
import { type Html, html } from '../html.ts'

/** The arms of a comparison, and their paired differences with intervals. */
export function comparisonSection(comparison: Comparison, index: number): Html {
  const { experiment, machine, baseline, seeds, tokens, arms, comparisons, remarks } = comparison
  return html`<section aria-labelledby="comparison-${index}" id="comparison-${index}-section">
    <h2 id="comparison-${index}">The comparison: ${experiment}</h2>
    <p>
      ${seeds.length} seeds, ${tokens.toLocaleString('en')} tokens a run, against ${baseline}; on
      ${machine.processor} (${machine.cores} cores, ${machine.platform}, Node ${machine.node}).
    </p>
    ${remarks.map((remark) => html`<p>${remark}</p>`)}
    <h3>Arms</h3>
    ${table(
      `Arms ${index + 1}`,
      ['arm', 'role', 'learning rate', 'held-out bits per byte: mean', 'by seed'],
      arms.map(armCells),
    )}
    <h3>Paired differences</h3>
    <p>
      Final held-out bits per byte of an arm less those of another, by seed: below zero is better. The
      interval is a 95 % bootstrap interval of the mean.
    </p>
    ${table(
      `Paired differences ${index + 1}`,
      ['arm', 'against', 'difference', 'interval', 'p', 'verdict', 'steps to the baseline’s final value'],
      comparisons.map(differenceCells),
    )}
  </section>`
}

function armCells({ name, role, learningRate, runs }: ComparedArm): string[] {
  const values = runs.map(({ bitsPerByte }) => bitsPerByte)
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length
  return [name, role, formatNumber(learningRate), formatNumber(mean), values.map(formatNumber).join(', ')]
}

function differenceCells({ arm, against, as, bitsPerByte, toBaseline }: PairedComparison): string[] {
  return [
    arm,
    as === against ? against : `${against} (${as})`,
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
    html`<table>
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
