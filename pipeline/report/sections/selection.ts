import type { StepLine } from '../../../schemas/run-record.ts'
import { formatNumber } from '../../progress.ts'
import { figure, scrolling } from '../figure.ts'
import { type Html, html } from '../html.ts'
import { curves, type PlotData } from '../plot-data.ts'
import type { RunFolder } from '../run-folder.ts'
import { visibleToken } from '../shown-text.ts'
import { bySteps, sharesBySteps } from './learning.ts'

const quarters = ['most frequent', 'second', 'third', 'least frequent']
const shownTokens = 24

/**
 * Which tokens had a gradient; nothing where every run kept all of them.
 * @param spell texts of token ids of the run of that place; undefined where its tokenizer is not there
 */
export async function selectionSection(
  all: readonly RunFolder[],
  spell: (run: RunFolder, ids: readonly number[]) => Promise<readonly string[] | undefined>,
): Promise<Html> {
  const runs = all.filter(({ steps }) => steps.some(({ keptFraction }) => keptFraction < 1))
  if (runs.length === 0) return html``
  const figures = [
    await sharesBySteps(runs, 'keep ratio', ({ keepRatio }) => keepRatio, {
      id: 'keep-ratio',
      title: 'Keep ratio',
      caption: 'Share of the tokens that the schedule asked to keep.',
    }),
    await sharesBySteps(runs, 'kept fraction', ({ keptFraction }) => keptFraction, {
      id: 'kept-fraction',
      title: 'Kept fraction',
      caption: 'Share of the tokens that had a gradient.',
    }),
    await bySteps(runs, 'score', ({ threshold }) => threshold, {
      id: 'threshold',
      title: 'Threshold',
      caption: 'Smallest score that was kept; the loss in nats unless the graph names another criterion.',
    }),
    await bySteps(runs, 'nats', ({ keptLoss, loss }) => keptLoss - loss, {
      id: 'kept-loss',
      title: 'Loss of what was kept',
      caption: 'How far the mean loss of the kept tokens lies above that of all.',
    }),
    await figure(
      {
        id: 'phases',
        title: 'Kept by phase',
        caption:
          'Share of the tokens that were kept, by the curriculum’s phase; mean over the steps that had it.',
      },
      byPhase(runs),
    ),
    ...(await Promise.all(
      runs.map((run, i) =>
        figure(
          {
            id: `frequency-${i}`,
            title: `Kept by token frequency${runs.length > 1 ? `, ${run.name}` : ''}`,
            caption:
              'Share of the targets that were kept, by quarters of a step’s targets from the most to the least frequent tokens.',
          },
          curves(
            'step',
            'kept fraction',
            quarters.map((name, quarter) => ({
              name,
              colour: quarter,
              points: run.steps.map(({ step, keptByFrequency }) => ({
                x: step,
                y: keptByFrequency[quarter],
              })),
            })),
          ),
        ),
      ),
    )),
    await sharesBySteps(runs, 'Gini coefficient', ({ documentGini }) => documentGini, {
      id: 'gini',
      title: 'Inequality of documents',
      caption: 'Gini coefficient of the weights that documents have in a step: near 1 where a few have all.',
    }),
    await sharesBySteps(runs, 'overlap', ({ overlap }) => overlap, {
      id: 'overlap',
      title: 'Overlap of most-kept tokens',
      caption: 'Share of the 16 most-kept tokens that were among those of the step before.',
    }),
  ]
  const tables = await Promise.all(
    runs.map(async (run, i) =>
      mostKept(
        run,
        i,
        await spell(
          run,
          oftenest(run.steps).map(({ id }) => id),
        ),
      ),
    ),
  )
  return html`<section aria-labelledby="selection" id="selection-section">
    <h2 id="selection">What was kept</h2>
    <div class="figures">${figures}</div>
    ${tables}
  </section>`
}

/** Bars a phase, one a run. */
function byPhase(runs: readonly RunFolder[]): PlotData {
  const phases = [
    ...new Set(runs.flatMap(({ steps }) => steps.flatMap((line) => Object.keys(line.keptByPhase)))),
  ]
  phases.sort((a, b) => Number(a) - Number(b))
  return {
    kind: 'bars',
    x: 'phase',
    y: 'kept fraction',
    isShare: true,
    places: phases,
    series: runs.map(({ name, index, steps }) => ({
      name,
      colour: index,
      values: phases.map((phase) => {
        const shares = steps.flatMap(({ keptByPhase }) => keptByPhase[phase] ?? [])
        return shares.length > 0 ? shares.reduce((sum, share) => sum + share, 0) / shares.length : null
      }),
    })),
  }
}

/** The ids that most steps kept often, with the share of the steps that did. */
function oftenest(steps: readonly StepLine[]): { id: number; share: number }[] {
  const counts = new Map<number, number>()
  for (const { mostKept } of steps) for (const id of mostKept) counts.set(id, (counts.get(id) ?? 0) + 1)
  return [...counts]
    .sort(([a, x], [b, y]) => y - x || a - b)
    .slice(0, shownTokens)
    .map(([id, count]) => ({ id, share: count / steps.length }))
}

function mostKept({ name, steps }: RunFolder, index: number, texts: readonly string[] | undefined): Html {
  const tokens = oftenest(steps)
  return html`<h3 id="most-kept-${index}">Most-kept tokens of ${name}</h3>
    <p>Tokens that were most often among the 16 most-kept of a step, and in what share of the steps.</p>
    ${scrolling(
      `Most-kept tokens of ${name}`,
      html`<ol class="tokens">
        ${tokens.map(
          ({ id, share }, i) =>
            html`<li>
              <bdi class="token">${texts ? visibleToken(texts[i]) : `token ${id}`}</bdi>
              ${formatNumber(share * 100)} %
            </li>`,
        )}
      </ol>`,
    )}`
}
