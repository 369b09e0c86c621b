import { z } from 'zod'
import type { StepRecord } from '../../schemas/run-record.ts'
import { defineStage } from '../stage.ts'
import { dispose } from './backend/tidy.ts'
import { documentsOf } from './batch-documents.ts'
import { divergence } from './divergence.ts'
import { GradientSum } from './gradient-sum.ts'
import type { Batch } from './messages.ts'
import type { Model } from './model/model.ts'
import { checkGroups } from './optimizers/groups.ts'
import type { Optimizer } from './optimizers/optimizer.ts'
import { checkOptimizerOptions, optimizerOptions, optimizerSettings, peakOf } from './optimizers/options.ts'
import { readOptimizerState, readTrainingState } from './training-state.ts'
import { learningRate, type LearningRate, learningRateOptions } from './schedules/learning-rate.ts'

const options = z
  .strictObject({
    peak: z
      .number()
      .gt(0)
      .optional()
      .describe('Highest learning rate [default: 0.003; lion 0.001, sgd 0.1].'),
    ...learningRateOptions,
    ...optimizerOptions,
    clip: z
      .number()
      .gt(0)
      .default(1)
      .describe('Largest global norm of the gradient; larger ones are scaled down to it.'),
    accumulate: z
      .int()
      .min(1)
      .default(1)
      .describe(
        'Batches that make one step: their gradients are averaged, for a batch that memory does not hold.',
      ),
    resume: z
      .string()
      .optional()
      .meta({ description: 'Checkpoint to go on from, as `train --resume` sets it.', cosmetic: true }),
  })
  .superRefine(checkOptimizerOptions)

export const optimize = defineStage({
  name: 'optimize',
  summary: 'Update the parameters, with AdamW unless told otherwise.',
  version: 1,
  accepts: ['gradients'],
  emits: 'steps',
  options,
  async *run(items, { options, signal, stats, log }) {
    const { peak = peakOf(options), accumulate, clip, resume } = options
    const rate: LearningRate = { ...options, peak }
    const sum = new GradientSum()
    let optimizer: Optimizer | undefined
    try {
      for await (const item of items) {
        const { batch, model } = item
        const steps = Math.ceil(batch.steps / accumulate)
        const step = Math.floor(batch.step / accumulate)
        try {
          let waitedMs = 0
          if (!optimizer) {
            const waitingSince = performance.now()
            if (rate['warm-up'] > steps) {
              log(
                `The learning rate never comes to its peak: its warm-up is ${rate['warm-up']} steps, and the run has ${steps}. Lower \`warm-up\` of \`optimize\`.`,
              )
            }
            const settings = optimizerSettings(options)
            checkGroups(settings.groups, model.parameters)
            optimizer = model.kernels.optimizer(model.parameters, settings)
            const made = resume === undefined ? { updates: 0 } : await restore(optimizer, model, resume)
            // Those of before are no part of the pace.
            stats.add('steps', made.updates)
            stats.expect('steps', steps)
            yield { ...made, steps, batch, model, optimizer }
            waitedMs = performance.now() - waitingSince
          }
          // A run that was cut off after its last update has none to make: its last batch was for the message above.
          if (step < optimizer.updates) continue
          sum.add(item)
          const isLast = batch.step + 1 === batch.steps
          if ((batch.step + 1) % accumulate !== 0 && !isLast) continue

          const gradientNorm = sum.scale * (await model.kernels.globalNorm(sum.gradients.values()))
          // A run that is aborted disposes of its tensors, perhaps while the norm was being read.
          signal.throwIfAborted()
          if (!Number.isFinite(gradientNorm)) {
            const what = `The gradient's norm is ${gradientNorm} in step ${step}`
            throw divergence(what, batchesOf(sum.firstBatch, batch))
          }
          const now = learningRate(rate, step, steps, { rows: batch.rows * accumulate, length: batch.length })
          optimizer.update(sum.gradients, now, sum.scale * Math.min(1, clip / gradientNorm))
          const stepMs = performance.now() - sum.startedAt - waitedMs
          const record: StepRecord = { ...sum.record(step), learningRate: now, gradientNorm, stepMs }
          sum.clear()
          dispose([...item.gradients.values()])
          stats.add('steps', 1)
          stats.set('loss', record.loss)
          stats.set('kept', record.keptFraction)
          yield { updates: step + 1, steps, batch, model, optimizer, record }
        } finally {
          dispose([...item.gradients.values()])
        }
      }
    } finally {
      sum.clear()
      optimizer?.dispose()
    }
  },
})

/** Puts the optimizer where a checkpoint left it. @returns what the last message before the checkpoint said. */
async function restore(optimizer: Optimizer, model: Model, checkpoint: string) {
  const state = await readTrainingState(checkpoint)
  const { updates, record } = state
  optimizer.import(
    await readOptimizerState(checkpoint, state, optimizer.rule.name, model.parameters),
    updates,
  )
  return { updates, record }
}

/** Any batch of a sum, and any row of it, may be what is not finite: the gradient does not tell. */
function batchesOf(first: Batch, last: Batch): string {
  return first.step === last.step
    ? `Its batch, ${last.step}, holds ${documentsOf(last)}.`
    : `Its first batch, ${first.step}, holds ${documentsOf(first)}, and its last, ${last.step}, ${documentsOf(last)}.`
}
