import { mixtureOption, temperatureWeights } from '../../stages/curriculum/mixture.ts'
import { SourceSampler, type UpperConfidence } from '../../stages/curriculum/source-sampler.ts'
import type { Plot, Point } from '../plot/plot.ts'
import type { Schedule } from './schedule.ts'
import { yamlOf } from './stage-yaml.ts'

/** Sizes of the sources that are drawn. */
const sizes = [100, 10, 1]
const temperature = 5
/** A run whose sources are drawn as it comes to know them. */
const run = { steps: 400, rows: 16 }
/** Sequences of a source after which its loss has fallen by all but a part in e, of two nats. */
const paces = [200, 1000, Infinity]

/** How shares of sources come about, each as a schedule. */
export function mixtures(): Schedule[] {
  const { ucb } = mixtureOption.parse({ ucb: {} })
  return [
    {
      kind: 'mixture',
      name: 'temperature',
      summary: `Shares by size, the more even the higher the temperature. Drawn for three sources, each ten times as large as the next.`,
      formula: 'size^(1/temperature) over the sum of all, at any t',
      source: 'arXiv 1907.05019',
      yaml: yamlOf('order', { order: 'random', mixture: { temperature } }),
      plot: plot(fixedShares()),
    },
    {
      kind: 'mixture',
      name: 'ucb',
      summary: `Shares by how much the loss of a source still falls, and by how seldom it was read. Drawn for a run of ${run.steps * run.rows} sequences and three sources whose losses fall by 2(1 − e^(−n/${paces[0]})) and 2(1 − e^(−n/${paces[1]})) nats within n of their sequences, and not at all.`,
      formula: 'softmax of (g + √(2 ln(n + 1)/(nⱼ + 1)))/τ, g the fall of the loss in the last 300 sequences',
      source: 'arXiv 2504.09710, DUMP, with a gain of our own',
      yaml: yamlOf('order', { order: 'random', mixture: { ucb } }),
      plot: plot(sampledShares(ucb as UpperConfidence)),
    },
  ]
}

/** Shares of the sources one after the other, by progress. */
type Shares = readonly (readonly [t: number, shares: readonly number[]])[]

function fixedShares(): Shares {
  const weights = temperatureWeights(sizes, temperature)
  const sum = weights.reduce((a, b) => a + b)
  const shares = weights.map((weight) => weight / sum)
  return [
    [0, shares],
    [1, shares],
  ]
}

function sampledShares(settings: UpperConfidence): Shares {
  const sampler = new SourceSampler(paces.length, 1, settings)
  const counts = paces.map(() => 0)
  return Array.from({ length: run.steps + 1 }, (_, step) => {
    const shares = sampler.shares()
    for (const source of sampler.draw(step, run.rows)) {
      sampler.observe(source, 5 - 2 * (1 - Math.exp(-counts[source]++ / paces[source])))
    }
    return [step / run.steps, shares] as const
  })
}

function plot(shares: Shares): Plot {
  const series = shares[0][1].map((_, source) => shares.map(([t, all]): Point => [t, all[source]]))
  return { mark: 'line', x: 'progress t', y: 'share of the tokens', series }
}
