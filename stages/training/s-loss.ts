import { z } from 'zod'
import { defineStage } from '../stage.ts'
import type { Forwarded, Selection } from './messages.ts'
import { type SLossForm, sLossForms } from './schedules/s-loss.ts'
import { everything, readLosses } from './selection/losses.ts'

const forms = Object.keys(sLossForms) as SLossForm[]

export const sLoss = defineStage({
  name: 's-loss',
  summary:
    "Weight each sequence's loss by its hardness and the progress of the run; alone, or behind a selection.",
  version: 1,
  accepts: ['forwarded', 'selected'],
  emits: 'selected',
  options: z.strictObject({
    form: z
      .enum(forms)
      .default('ascending')
      .describe(forms.map((form) => `${form}: ${sLossForms[form].summary}`).join(' ')),
  }),
  async *run(items, { options: { form } }) {
    for await (const item of items) {
      const selection = 'selection' in item ? item.selection : everything(await readLosses(item))
      yield { ...item, selection: weighted(item, selection, form) }
    }
  },
})

/**
 * The selection, its weights multiplied by α(h, s). Where α is below zero, as `steep` has it for the easiest text
 * early on, it is taken as zero: a step down such a loss would push up the loss of easy text without end. What weighs
 * nothing counts as kept all the same, in the record and in the mean of several batches.
 */
export function weighted(
  { batch }: Pick<Forwarded, 'batch'>,
  selection: Selection,
  form: SLossForm,
): Selection {
  const { length, hardness, step, steps } = batch
  const alphas = hardness.map((h) => Math.max(0, sLossForms[form].alpha(h, step / steps)))
  const { tokens, rows, weights } = selection
  return {
    ...selection,
    weights: weights.map((weight, i) => {
      // A kept row has all of its tokens, unless tokens are named.
      const row = Math.floor(i / length)
      const inBatch = tokens ? Math.floor(tokens[i] / length) : (rows?.[row] ?? row)
      return weight * alphas[inBatch]
    }),
  }
}
