import type { OrderOptions } from '../../stages/curriculum/order-options.ts'
import type { KeepRatioSchedule } from '../../stages/training/schedules/keep-ratio.ts'
import type { LearningRate } from '../../stages/training/schedules/learning-rate.ts'
import type { Graph } from '../graph/graph.ts'
import type { Plot } from '../plot/plot.ts'
import { keepRatioPlot, learningRatePlot, orderPlot, pictureRun } from './catalogue.ts'

/** The schedules of a graph by the ids of their stages. */
export function plotsOfGraph(graph: Graph): Map<string, Plot> {
  const optionsOf = (stage: string) => graph.nodes.find((node) => node.stage.name === stage)?.options
  const { tokens } = (optionsOf('order') ?? {}) as { tokens?: number }
  const batch = (optionsOf('pack') ?? pictureRun) as { rows: number; length: number }
  const { accumulate } = (optionsOf('optimize') ?? {}) as { accumulate?: number }
  // Without a budget the run's steps are those of the corpus, which a graph does not know.
  const batches = tokens === undefined ? pictureRun.steps : Math.floor(tokens / (batch.rows * batch.length))
  const steps = Math.ceil(batches / (accumulate ?? 1))
  const plots = new Map<string, Plot>()
  for (const { id, stage, options } of graph.nodes) {
    if (stage.name === 'order') plots.set(id, orderPlot(options as OrderOptions))
    if (stage.emits === 'selected' && 'keep' in options) {
      plots.set(id, keepRatioPlot(options.keep as KeepRatioSchedule))
    }
    if (stage.name === 'optimize') {
      const rate = { ...options, peak: options.peak ?? pictureRun.peak } as LearningRate
      plots.set(id, learningRatePlot(rate, steps, batch))
    }
  }
  return plots
}
