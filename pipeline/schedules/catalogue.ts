import { type OrderOptions, orderOptions, orderSettings } from '../../stages/curriculum/order-options.ts'
import type { Order, OrderSettings } from '../../stages/curriculum/orders/order.ts'
import { type OrderName, orders } from '../../stages/curriculum/orders/orders.ts'
import { keepRatio, type KeepRatioSchedule, keepRatios } from '../../stages/training/schedules/keep-ratio.ts'
import { learningRate, type LearningRate } from '../../stages/training/schedules/learning-rate.ts'
import { type ShapeName, shapes } from '../../stages/training/schedules/learning-rates/shapes.ts'
import { openShare, pacingCurves, pacings } from '../../stages/training/schedules/pacing.ts'
import { sequenceLength } from '../../stages/training/schedules/sequence-length.ts'
import { type SLossForm, sLossForms } from '../../stages/training/schedules/s-loss.ts'
import type { Plot, Point } from '../plot/plot.ts'
import { averageSchedules } from './averages.ts'
import { mixtures } from './mixtures.ts'
import type { Schedule } from './schedule.ts'
import { yamlOf } from './stage-yaml.ts'

/** Places at which a curve is drawn. */
const places = 201
/** Documents whose places in an order are drawn. */
const documents = 400
/** A run that is long enough for the schedules by tokens to show. */
export const pictureRun = { steps: 10_000, rows: 128, length: 4096, peak: 0.02, warmUp: 500 }

/** Every schedule, in the order in which a run meets them. */
export function catalogue(): Schedule[] {
  return [
    ...entries<OrderName, Order>(orders).map(([name, { summary, formula, source, defaults }]) => ({
      kind: 'order' as const,
      name,
      summary,
      formula,
      source,
      yaml: yamlOf('order', { order: name, ...defaults }),
      plot: orderPlot(orderOptions.parse({ order: name })),
    })),
    ...pacings.map((name) => ({
      kind: 'pacing' as const,
      name,
      summary: 'How fast the corpus opens, from its easiest documents on.',
      formula: pacingCurves[name].formula,
      source: 'arXiv 2506.11300',
      yaml: yamlOf('order', { order: 'phases', pacing: name }),
      plot: curve('open share', (t) => openShare(name, t)),
    })),
    sequenceLengths(),
    ...mixtures(),
    ...entries<ShapeName, (typeof shapes)[ShapeName]>(shapes).map(
      ([name, { summary, formula, source, final, options }]) => {
        const own = options.parse({})
        const schedule = Object.keys(own).length > 0 ? { [name]: own } : name
        return {
          kind: 'learning-rate' as const,
          name,
          summary,
          formula,
          source,
          yaml: yamlOf('optimize', {
            schedule,
            ...(final !== undefined && { final: Number(final.toFixed(3)) }),
          }),
          plot: learningRatePlot(
            { peak: pictureRun.peak, schedule: name, 'warm-up': pictureRun.warmUp, 'warm-up-from': 0 },
            pictureRun.steps,
            pictureRun,
          ),
        }
      },
    ),
    rewarming(),
    ...averageSchedules(),
    ...keepRatiosOfOnesOwn(),
    ...entries<keyof typeof keepRatios, { summary: string; source: string; points: readonly Point[] }>(
      keepRatios,
    ).map(([name, { summary, source, points }]) => ({
      kind: 'keep-ratio' as const,
      name,
      summary,
      formula: `straight lines between ${points.map(([t, ratio]) => `(${t}, ${ratio})`).join(', ')}`,
      source,
      yaml: yamlOf('ohem', { keep: name }),
      plot: keepRatioPlot(name),
    })),
    ...entries<SLossForm, (typeof sLossForms)[SLossForm]>(sLossForms).map(
      ([name, { summary, formula, alpha }]) => ({
        kind: 's-loss' as const,
        name,
        summary: `${summary} Drawn for hardness 0, 0.5 and 1.`,
        formula: `α = ${formula}`,
        source: 'the S-Loss poster',
        yaml: yamlOf('s-loss', { form: name }),
        plot: {
          mark: 'line' as const,
          x: 'progress s',
          y: 'weight α',
          series: [0, 0.5, 1].map((h) => sampled((s) => alpha(h, s))),
        },
      }),
    ),
  ]
}

function sequenceLengths(): Schedule {
  const [length, tokens] = [512, 16_384]
  const grow = { from: 64, until: 0.5, pacing: 'linear' } as const
  return {
    kind: 'sequence-length',
    name: 'grow',
    summary: `Short sequences first. Drawn from ${grow.from} to ${length} tokens, in batches of ${tokens}.`,
    formula:
      'the longest that divides the tokens of a batch, of at most from + (length − from) · pacing(t / until)',
    source: 'arXiv 2108.06084',
    yaml: yamlOf('pack', { rows: tokens / length, length, grow }),
    plot: curve('share of the full length', (t) => sequenceLength(grow, length, tokens, t) / length),
  }
}

/** What a run that goes on with another corpus begins with. */
function rewarming(): Schedule {
  const options = { schedule: 'cosine', 'warm-up': pictureRun.warmUp, 'warm-up-from': 0.1 } as const
  return {
    kind: 'learning-rate',
    name: 're-warming',
    summary: 'A warm-up that begins where the run before it ended, for going on with new text.',
    formula:
      '(w + (1 − w)·t/T_w) up to the T_w-th step, w the share of the peak in `warm-up-from`; then the schedule',
    source: 'arXiv 2403.08763',
    yaml: yamlOf('optimize', options),
    plot: learningRatePlot({ peak: pictureRun.peak, ...options }, pictureRun.steps, pictureRun),
  }
}

function keepRatiosOfOnesOwn(): Schedule[] {
  const piecewise = {
    piecewise: [
      [0, 1],
      [0.3, 0.5],
      [0.9, 0.5],
      [0.9, 1],
      [1, 1],
    ],
  } as const
  return [
    {
      kind: 'keep-ratio',
      name: 'constant',
      summary: 'The same share at any time, as `--ohem-ratio` has it.',
      formula: 'r',
      source: 'arXiv 1604.03540, OHEM',
      yaml: yamlOf('ohem', { keep: 0.5 }),
      plot: keepRatioPlot(0.5),
    },
    {
      kind: 'keep-ratio',
      name: 'piecewise',
      summary: 'Straight lines between points of your own; two at one t are a jump.',
      formula: 'r_i + (r_(i+1) − r_i)(t − t_i)/(t_(i+1) − t_i) between two points',
      source: 'gradus',
      yaml: yamlOf('ohem', { keep: piecewise }),
      plot: keepRatioPlot(piecewise),
    },
  ]
}

/** Where an order puts each document of a corpus that it reads once. */
export function orderPlot(options: OrderOptions): Plot {
  const lengths = new Uint32Array(documents).fill(1)
  const settings = orderSettings(options) as OrderSettings
  const points: Point[] = []
  for (const { places } of orders[options.order].arrange(lengths, documents, options.seed, settings)) {
    for (const place of places) points.push([points.length / documents, place / (documents - 1)])
  }
  return { mark: 'dot', series: [points], x: 'progress t', y: 'difficulty of the document, quantile q' }
}

/** The rate over its peak in a run of `steps`. */
export function learningRatePlot(
  rate: LearningRate,
  steps: number,
  batch: { readonly rows: number; readonly length: number },
): Plot {
  return curve(
    'rate / peak',
    (t) => learningRate(rate, Math.round(t * (steps - 1)), steps, batch) / rate.peak,
  )
}

export function keepRatioPlot(schedule: KeepRatioSchedule): Plot {
  return curve('keep ratio', (t) => keepRatio(schedule, t))
}

function curve(y: string, value: (t: number) => number): Plot {
  return { mark: 'line', series: [sampled(value)], x: 'progress t', y }
}

function sampled(value: (t: number) => number): Point[] {
  return Array.from({ length: places }, (_, i) => [i / (places - 1), value(i / (places - 1))] as const)
}

function entries<K extends string, V>(record: Readonly<Record<K, V>>): [K, V][] {
  return Object.entries(record) as [K, V][]
}
