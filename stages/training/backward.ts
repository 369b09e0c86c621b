import type { Tensor1D } from '@tensorflow/tfjs-core'
import { z } from 'zod'
import { defineStage } from '../stage.ts'
import { dispose } from './backend/tidy.ts'
import { normsOfRows, readInputGradients } from './input-gradients.ts'
import type { Forwarded, Gradients, Selected } from './messages.ts'
import { accountOf } from './selection/account.ts'
import { readLosses, readSelection } from './selection/losses.ts'

export const backward = defineStage({
  name: 'backward',
  summary: 'Compute the gradient of the kept losses, or of all where nothing was selected.',
  version: 1,
  accepts: ['forwarded', 'selected'],
  emits: 'gradients',
  options: z.strictObject({}),
  async *run(items) {
    for await (const item of items) {
      let message: Gradients
      try {
        message = await gradientsOf(item)
      } finally {
        dispose([item.losses, item.activations])
      }
      try {
        yield message
      } finally {
        dispose([...message.gradients.values()])
      }
    }
  },
})

async function gradientsOf(item: Forwarded | Selected): Promise<Gradients> {
  const { batch, model, activations, startedAt, waitingMs, forwardMs, onInputGradients } = item
  await batch.feedback?.(await readLosses(item))
  const selection = await readSelection(item)
  const backwardStartedAt = performance.now()
  let inputNorms: Tensor1D | undefined
  const gradients = model.backward(batch.tokens, activations, selection, (gradient) => {
    if (onInputGradients) inputNorms = normsOfRows(gradient)
  })
  try {
    if (inputNorms) await onInputGradients?.(await readInputGradients(inputNorms, batch, selection))
    const { loss, keptLoss, keepRatio, keptFraction, threshold } = selection
    return {
      batch,
      model,
      gradients,
      startedAt,
      record: {
        step: batch.step,
        loss,
        keptLoss,
        keepRatio,
        keptFraction,
        threshold,
        ...accountOf(batch, selection),
        tokens: batch.rows * batch.length,
        waitingMs,
        forwardMs,
        backwardMs: performance.now() - backwardStartedAt,
      },
    }
  } catch (error) {
    // No message hands them on to whoever else would.
    dispose([...gradients.values()])
    throw error
  }
}
