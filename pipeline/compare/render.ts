import colors from 'picocolors'
import type { ComparedArm, Comparison, Cost, PairedComparison } from '../../schemas/comparison.ts'
import { meanOf } from './comparison.ts'

/** A comparison for the terminal: arms, what they are held against, the sweep, and what to keep in mind. */
export function renderComparison(comparison: Comparison): string {
  const { arms, comparisons, remarks, baseline, seeds, learningRates } = comparison
  const sections = [
    section(`Held-out bits per byte after training, ${seeds.length} seeds`, [
      ['arm', 'learning rate', 'mean', 'lowest', 'highest', 'steps', 'operations'],
      ...arms.map(armRow),
    ]),
    section(`To the final bits per byte of \`${baseline}\`, seed by seed (means)`, [
      ['arm', 'reached', 'steps', 'tokens', 'operations', 'seconds'],
      ...arms.map(costRow),
    ]),
    section('Paired by seed: bits per byte of the arm less those of the other', [
      ['arm', 'less', 'difference', '95 % interval', 'p', 'verdict', 'steps to baseline'],
      ...comparisons.map(comparisonRow),
    ]),
    section('Mean bits per byte by learning rate', [
      ['arm', ...learningRates.map(String)],
      ...arms.map(({ name, sweep }) => [name, ...sweep.map(({ mean }) => mean?.toFixed(4) ?? 'diverged')]),
    ]),
  ]
  return [...sections, ...remarks.map((remark) => `${remark}\n`)].join('\n')
}

function armRow({ name, learningRate, runs }: ComparedArm): string[] {
  const values = runs.map(({ bitsPerByte }) => bitsPerByte)
  const [low, high] = [Math.min(...values), Math.max(...values)]
  return [
    name,
    String(learningRate),
    ...[meanOf(values), low, high].map((value) => value.toFixed(4)),
    meanOf(runs.map(({ steps }) => steps)).toFixed(0),
    meanOf(runs.map(({ flops }) => flops)).toPrecision(3),
  ]
}

function costRow({ name, runs }: ComparedArm): string[] {
  const costs = runs.flatMap(({ toBaseline }) => toBaseline ?? [])
  const reached = `${costs.length} of ${runs.length}`
  if (costs.length === 0) return [name, reached, 'never', '', '', '']
  const mean = (measure: keyof Cost) => meanOf(costs.map((cost) => cost[measure]))
  return [
    name,
    reached,
    mean('steps').toFixed(0),
    Math.round(mean('tokens')).toLocaleString('en'),
    mean('flops').toPrecision(3),
    mean('seconds').toFixed(1),
  ]
}

function comparisonRow({ arm, against, as, bitsPerByte, toBaseline }: PairedComparison): string[] {
  const { mean, interval, pValue, verdict } = bitsPerByte
  const steps = toBaseline?.steps
  return [
    arm,
    against === `${arm}.${as}` || as === 'baseline' ? against : `${against} (${as})`,
    signed(mean, 4),
    interval.map((end) => signed(end, 4)).join(' to '),
    pValue.toPrecision(2),
    verdict,
    steps ? `${signed(steps.mean, 0)}, ${steps.verdict}` : 'not reached by every run',
  ]
}

function signed(value: number, digits: number): string {
  return (value > 0 ? '+' : '') + value.toFixed(digits)
}

function section(title: string, rows: readonly (readonly string[])[]): string {
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)))
  const [head, ...lines] = rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column]))
      .join('  ')
      .trimEnd(),
  )
  return [colors.bold(title), colors.dim(head), ...lines, ''].join('\n')
}
