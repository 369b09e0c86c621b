import { z } from 'zod'
import { defineStage } from '../stage.ts'
import type { Forwarded, Selection } from './messages.ts'
import { rowOf } from './model/kept.ts'
import { type SLossForm, sLossForms } from './schedules/s-loss.ts'
import { readSelection } from './selection/losses.ts'

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
      yield { ...item, selection: weighted(item, await readSelection(item), form) }
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
  const weights = selection.weights.map((weight, i) => weight * alphas[rowOf(selection, i, length)])
  return { ...selection, weights }
}
