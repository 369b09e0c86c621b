import { z } from 'zod'
import type { Evaluation } from '../../schemas/run-record.ts'
import { UserError } from '../../schemas/user-error.ts'
import { defineStage } from '../stage.ts'
import { divergence } from './divergence.ts'
import { type HeldOut, measure, openHeldOut } from './held-out.ts'

export const evaluate = defineStage({
  name: 'evaluate',
  summary: 'Measure the model on the held-out documents, before training, while it lasts, and at its end.',
  version: 1,
  accepts: ['steps'],
  emits: 'steps',
  options: z.strictObject({
    every: z
      .int()
      .min(0)
      .default(0)
      .describe('Steps between evaluations; 0 measures before and after training only.'),
    tokens: z
      .int()
      .min(1)
      .default(65_536)
      .describe('Held-out tokens to measure at most; documents are taken by the hash of their text.'),
    stride: z
      .int()
      .min(1)
      .optional()
      .describe(
        'Tokens from one row of held-out text to the next, by default a whole row; half a row lets every token be predicted from half a row before it at least, for twice the time.',
      ),
  }),
  async *run(items, { options: { every, tokens, stride }, signal, stats, log }) {
    let heldOut: HeldOut | undefined
    for await (const step of items) {
      const { updates, steps, batch, model } = step
      const isDue = updates === 0 || updates === steps || (every > 0 && updates % every === 0)
      if (!isDue) {
        yield step
        continue
      }
      const { rows, length } = batch.longest ?? batch
      heldOut ??= await openHeldOut(
        { shards: batch.corpus.shards, rows, length, stride },
        tokens,
        signal,
        log,
      )
      const evaluation = await measure(model, heldOut, updates, signal)
      // After the last update no other pass through the model finds out.
      if (!Number.isFinite(evaluation.nats)) throw unmeasurable(evaluation)
      stats.set('bits per byte', evaluation.bitsPerByte)
      log(
        `Step ${updates}: ${evaluation.bitsPerByte.toFixed(3)} bits per byte on held-out text (unigram model ${evaluation.unigramBitsPerByte.toFixed(3)}).`,
      )
      yield { ...step, evaluation, heldOut }
    }
  },
})

function unmeasurable({ step, nats }: Evaluation): UserError {
  if (step > 0) return divergence(`The loss on held-out text is ${nats} after ${step} steps`)
  return new UserError(
    `The loss on held-out text is ${nats} before the first step. Give \`from\` of \`forward\` another model.`,
  )
}
