import type { StepLine } from '../../../schemas/run-record.ts'
import { figure, type FigureText } from '../figure.ts'
import { type Html, html } from '../html.ts'
import { curves, type Place, type PlotData } from '../plot-data.ts'
import type { RunFolder } from '../run-folder.ts'

/** Number of a step by what it is called in records, in [0, 1] or in nats. */
type Measure = (step: StepLine) => number | null

/**
 * How the runs learned, by step.
 * @param fed mean hardness by step of each run
 */
export async function learningSection(
  runs: readonly RunFolder[],
  fed: readonly (readonly Place[])[],
): Promise<Html> {
  const figures = [
    await figure(
      {
        id: 'held-out',
        title: 'Held-out bits per byte',
        caption: 'Bits that the model needs for a byte of text that it was not trained on: fewer are better.',
      },
      curves(
        'step',
        'bits per byte',
        runs.map(({ name, index, evaluations }) => ({
          name,
          colour: index,
          points: evaluations.map(({ step, bitsPerByte }) => ({ x: step, y: bitsPerByte })),
        })),
      ),
    ),
    await bySteps(runs, 'nats', ({ loss }) => loss, {
      id: 'loss',
      title: 'Training loss',
      caption:
        'Mean cross-entropy of all tokens of a step, kept or not. A curriculum moves it by what it feeds.',
    }),
    await bySteps(runs, 'learning rate', ({ learningRate }) => learningRate, {
      id: 'learning-rate',
      title: 'Learning rate',
      caption: 'As the schedule had it.',
    }),
    await bySteps(runs, 'norm', ({ gradientNorm }) => gradientNorm, {
      id: 'gradient-norm',
      title: 'Gradient norm',
      caption: 'Global norm before clipping.',
    }),
    await figure(
      {
        id: 'hardness',
        title: 'Hardness as it was fed',
        caption: 'Mean rank of the difficulty of a step’s tokens: 0 the easiest documents, 1 the hardest.',
      },
      {
        ...curves(
          'step',
          'hardness rank',
          runs.map(({ name, index }) => ({ name, colour: index, points: fed[index] })),
        ),
        isShare: true,
      },
    ),
  ]
  return html`<section aria-labelledby="learning" id="learning-section">
    <h2 id="learning">Learning</h2>
    ${runs.every(({ steps }) => steps.length === 0) ? html`<p>There is no step yet.</p>` : ''}
    <div class="figures">${figures}</div>
  </section>`
}

/** A figure with a curve a run. */
export function bySteps(
  runs: readonly RunFolder[],
  y: string,
  measure: Measure,
  text: FigureText,
): Promise<Html> {
  return figure(text, curvesOf(runs, y, measure))
}

/** The same for a measure in [0, 1]. */
export function sharesBySteps(
  runs: readonly RunFolder[],
  y: string,
  measure: Measure,
  text: FigureText,
): Promise<Html> {
  return figure(text, { ...curvesOf(runs, y, measure), isShare: true })
}

function curvesOf(runs: readonly RunFolder[], y: string, measure: Measure): PlotData {
  const all = runs.map(({ name, index, steps }) => ({
    name,
    colour: index,
    points: steps.map((line) => ({ x: line.step, y: measure(line) })),
  }))
  return curves('step', y, all)
}
