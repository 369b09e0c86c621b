import type { StepLine } from '../../../schemas/run-record.ts'
import { formatNumber } from '../../progress.ts'
import { figure, scrolling } from '../figure.ts'
import { type Html, html } from '../html.ts'
import { curves, type PlotData } from '../plot-data.ts'
import type { RunFolder } from '../run-folder.ts'
import { visibleToken } from '../shown-text.ts'
import type { KeptToken, TokenContext } from '../token-contexts.ts'
import { bySteps, sharesBySteps } from './learning.ts'

const quarters = ['most frequent', 'second', 'third', 'least frequent']
const shownTokens = 24

/** What the page can say of tokens beyond their ids. */
export interface Tokens {
  /** Their texts; undefined where the run's tokenizer is not there. */
  readonly spell: (run: RunFolder, ids: readonly number[]) => Promise<readonly string[] | undefined>
  /** A place each in what their step was fed. */
  readonly contexts: (
    run: RunFolder,
    tokens: readonly KeptToken[],
  ) => Promise<readonly (TokenContext | undefined)[]>
}

/** Which tokens had a gradient; nothing where every run kept all of them. */
export async function selectionSection(all: readonly RunFolder[], tokens: Tokens): Promise<Html> {
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
  const tables: Html[] = []
  for (const [i, run] of runs.entries()) tables.push(await mostKept(run, i, tokens))
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

interface OftenKept extends KeptToken {
  /** Of the steps. */
  readonly share: number
}

/** The ids that most steps kept often, each with the first step that had it so and left out others. */
function oftenest(steps: readonly StepLine[]): OftenKept[] {
  const found = new Map<number, { count: number; step: number; isChosen: boolean }>()
  for (const { step, mostKept, keptFraction } of steps) {
    const isChosen = keptFraction < 1
    for (const id of mostKept) {
      const { count, ...before } = found.get(id) ?? { count: 0, step, isChosen }
      found.set(id, { count: count + 1, ...(before.isChosen ? before : { step, isChosen }) })
    }
  }
  return [...found]
    .sort(([a, x], [b, y]) => y.count - x.count || a - b)
    .slice(0, shownTokens)
    .map(([id, { count, step }]) => ({ id, step, share: count / steps.length }))
}

async function mostKept(run: RunFolder, index: number, { spell, contexts }: Tokens): Promise<Html> {
  const kept = oftenest(run.steps)
  const texts = await spell(
    run,
    kept.map(({ id }) => id),
  )
  const places = await contexts(run, kept)
  const title = `Most-kept tokens of ${run.name}`
  return html`<h3 id="most-kept-${index}">${title}</h3>
    <p>
      Tokens that were most often among the 16 most-kept of a step, in what share of the steps, and a place in
      the documents of the first of these steps that left others out.
    </p>
    ${scrolling(
      title,
      html`<table>
        <thead>
          <tr>
            <th scope="col">token</th>
            <th scope="col">steps</th>
            <th scope="col">in context</th>
          </tr>
        </thead>
        <tbody>
          ${kept.map(
            ({ id, share }, i) =>
              html`<tr>
                <th scope="row">
                  <bdi class="token">${texts ? visibleToken(texts[i]) : `token ${id}`}</bdi>
                </th>
                <td>${formatNumber(share * 100)}&nbsp;%</td>
                <td class="prose">${inContext(places[i])}</td>
              </tr>`,
          )}
        </tbody>
      </table>`,
    )}`
}

function inContext(context: TokenContext | undefined): Html {
  if (!context) return html`–`
  const { before, token, after } = context
  return html`<bdi>${before}<mark>${token}</mark>${after}</bdi>`
}
