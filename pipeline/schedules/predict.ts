import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { StepRecord } from '../../schemas/run-record.ts'
import { UserError } from '../../schemas/user-error.ts'
import { jsonLines } from '../../stages/training/json-lines.ts'
import { learningRate, type LearningRate } from '../../stages/training/schedules/learning-rate.ts'
import { type ShapeName, shapes } from '../../stages/training/schedules/learning-rates/shapes.ts'
import {
  areas,
  fitLossLaw,
  type LossLaw,
  predictedLoss,
} from '../../stages/training/schedules/loss-prediction.ts'
import { loadGraph } from '../graph/load.ts'

/** Steps that a fit needs after the warm-up: four constants and the noise of single steps. */
const fewest = 100

export interface Prediction {
  readonly law: LossLaw
  /** Mean loss of the run's last steps, in nats. */
  readonly measured: number
  /** Loss in nats after as many steps under each schedule, with its defaults. */
  readonly losses: ReadonlyMap<ShapeName, number>
}

/**
 * Fits the loss law to the steps of a run, and predicts what the same run would have come to under other schedules.
 * @throws UserError where the folder holds no run, or one too short.
 */
export async function predictFrom(run: string): Promise<Prediction> {
  const file = join(run, 'steps.jsonl')
  if (!existsSync(file) || !existsSync(join(run, 'graph.yaml'))) {
    throw new UserError(`\`${run}\` holds no run: name the --out of a \`train\`.`)
  }
  const records: StepRecord[] = []
  for await (const { record } of jsonLines<StepRecord>(file)) records.push(record)
  const { nodes } = await loadGraph(join(run, 'graph.yaml'))
  const optionsOf = (stage: string) => nodes.find((node) => node.stage.name === stage)?.options ?? {}
  const rate = optionsOf('optimize') as unknown as LearningRate
  const { accumulate = 1 } = optionsOf('optimize') as { accumulate?: number }
  const { rows, length } = optionsOf('pack') as { rows: number; length: number }
  const warmUp = rate['warm-up']
  if (records.length - warmUp < fewest) {
    throw new UserError(
      `\`${file}\` has ${records.length} steps, ${warmUp} of them warm-up: a prediction needs ${fewest} after it.`,
    )
  }
  const losses = records.map(({ loss }) => loss)
  const rates = records.map(({ learningRate }) => learningRate)
  const law = fitLossLaw(losses, areas(rates, warmUp), warmUp)
  const peak = Math.max(...rates)
  const under = (schedule: ShapeName) => {
    const other = { peak, schedule, 'warm-up': warmUp, 'warm-up-from': rate['warm-up-from'] }
    const all = rates.map((_, step) =>
      learningRate(other, step, rates.length, { rows: rows * accumulate, length }),
    )
    const { s1, s2 } = areas(all, warmUp)
    return predictedLoss(law, s1[s1.length - 1], s2[s2.length - 1])
  }
  const last = losses.slice(-Math.ceil(losses.length / 50))
  return {
    law,
    measured: last.reduce((sum, loss) => sum + loss, 0) / last.length,
    losses: new Map((Object.keys(shapes) as ShapeName[]).map((name) => [name, under(name)])),
  }
}
