import { z } from 'zod'
import { defineStage } from '../stage.ts'
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
      stats.set('bits per byte', evaluation.bitsPerByte)
      log(
        `Step ${updates}: ${evaluation.bitsPerByte.toFixed(3)} bits per byte on held-out text (unigram model ${evaluation.unigramBitsPerByte.toFixed(3)}).`,
      )
      yield { ...step, evaluation, heldOut }
    }
  },
})
