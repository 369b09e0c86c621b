import { z } from 'zod'
import type { StepRecord } from '../../schemas/run-record.ts'
import { UserError } from '../../schemas/user-error.ts'
import { defineStage } from '../stage.ts'
import type { AdamW } from './backend/kernels.ts'
import { dispose } from './backend/tidy.ts'
import type { Gradients } from './messages.ts'
import type { Model } from './model/model.ts'
import { readMoments, readTrainingState } from './training-state.ts'
import { learningRate, type LearningRate } from './schedules/learning-rate.ts'

const schedules = ['constant', 'linear', 'cosine'] as const
const share = z.number().min(0).lt(1)

const options = z.strictObject({
  peak: z.number().gt(0).default(0.003).describe('Highest learning rate.'),
  schedule: z.enum(schedules).default('cosine').describe('How the learning rate falls after its warm-up.'),
  'warm-up': z.int().min(0).default(30).describe('Steps over which the learning rate rises to its peak.'),
  final: z
    .number()
    .min(0)
    .max(1)
    .default(0.1)
    .describe('Share of the peak at the end of `linear` and `cosine`.'),
  beta1: share.default(0.9).describe("Decay a step of the gradient's mean."),
  beta2: share.default(0.95).describe("Decay a step of the gradient's mean square."),
  epsilon: z.number().gt(0).default(1e-8).describe('Added to the root of the mean square.'),
  decay: z
    .number()
    .min(0)
    .default(0.1)
    .describe('Weight decay, of matrices only, decoupled from the gradient.'),
  clip: z
    .number()
    .gt(0)
    .default(1)
    .describe('Largest global norm of the gradient; larger ones are scaled down to it.'),
  resume: z
    .string()
    .optional()
    .meta({ description: 'Checkpoint to go on from, as `train --resume` sets it.', cosmetic: true }),
})

/** AdamW (Loshchilov and Hutter, arXiv 1711.05101). */
export const optimize = defineStage({
  name: 'optimize',
  summary: 'Update the parameters with AdamW.',
  version: 1,
  accepts: ['gradients'],
  emits: 'steps',
  options,
  async *run(items, { options, stats }) {
    const { peak, schedule, 'warm-up': warmUp, final, resume, ...settings } = options
    const rate: LearningRate = { peak, schedule, warmUp, final }
    let optimizer: AdamW | undefined
    try {
      for await (const item of items) {
        const { batch, model } = item
        try {
          let waitedMs = 0
          if (!optimizer) {
            const waitingSince = performance.now()
            optimizer = model.kernels.adamW(model.parameters, settings)
            const made = resume === undefined ? { updates: 0 } : await restore(optimizer, model, resume)
            stats.expect('steps', batch.steps)
            stats.add('steps', made.updates)
            yield { ...made, batch, model, optimizer }
            waitedMs = performance.now() - waitingSince
          }
          // A run that was cut off after its last update has none to make: its last batch was for the message above.
          if (batch.step < optimizer.updates) continue
          const record = update(item, optimizer, learningRate(rate, batch.step, batch.steps), waitedMs)
          dispose([...item.gradients.values()])
          stats.add('steps', 1)
          stats.set('loss', record.loss)
          stats.set('kept', record.keptFraction)
          yield { updates: batch.step + 1, batch, model, optimizer, record }
        } finally {
          dispose([...item.gradients.values()])
        }
      }
    } finally {
      optimizer?.dispose()
    }
  },
})

/** Puts the optimizer where a checkpoint left it. @returns what the last message before the checkpoint said. */
async function restore(optimizer: AdamW, model: Model, checkpoint: string) {
  const { updates, record } = await readTrainingState(checkpoint)
  optimizer.import(await readMoments(checkpoint, model.parameters), updates)
  return { updates, record }
}

/** @param waitedMs milliseconds of the step that others spent on the model as it was before the update */
function update(item: Gradients, optimizer: AdamW, rate: number, waitedMs: number): StepRecord {
  const gradientNorm = optimizer.update(item.gradients, rate)
  if (!Number.isFinite(gradientNorm)) {
    throw new UserError(
      `The gradient's norm is ${gradientNorm} in step ${item.batch.step}: training diverged. Lower \`peak\` of \`optimize\`, or raise its \`warm-up\`.`,
    )
  }
  const stepMs = performance.now() - item.startedAt - waitedMs
  return { ...item.record, learningRate: rate, gradientNorm, stepMs }
}
