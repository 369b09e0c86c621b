import { type Average, averageWeights } from '../../stages/training/checkpoint-average.ts'
import type { Point } from '../plot/plot.ts'
import type { Schedule } from './schedule.ts'
import { yamlOf } from './stage-yaml.ts'

/** Checkpoints that are drawn. */
const count = 6

const descriptions: Readonly<Record<Average, Pick<Schedule, 'summary' | 'formula' | 'source'>>> = {
  uniform: {
    summary: 'All alike, as a learning rate that falls in a straight line over them would have made of them.',
    formula: '1/n',
    source: 'arXiv 2405.18392',
  },
  ema: {
    summary: 'Each counts 0.8 times the next newer one; with `train --curriculum`, of the newest 6.',
    formula: '0.8^(n − 1 − j) over the sum of all',
    source: 'arXiv 2511.18903',
  },
  decay: {
    summary: 'As a learning rate that falls over them as 1 − √z would have made of them.',
    formula: '√((j + 1)/n) − √(j/n)',
    source: 'arXiv 2507.17634',
  },
}

/** What the mean of the last checkpoints is made of, each as a schedule. */
export function averageSchedules(): Schedule[] {
  return (Object.keys(descriptions) as Average[]).map((name) => ({
    kind: 'average',
    name,
    ...descriptions[name],
    yaml: yamlOf('checkpoint', { to: 'runs/first', every: 50, keep: count, average: name }),
    plot: {
      mark: 'line',
      x: 'checkpoint, from the oldest to the newest',
      y: 'weight in the mean',
      series: [averageWeights(name, count).map((weight, j): Point => [j / (count - 1), weight])],
    },
  }))
}
