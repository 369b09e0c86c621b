import { z } from 'zod'
import { defineStage } from '../stage.ts'
import type { Forwarded, Selected, Selection } from './messages.ts'
import { type SLossForm, sLossForms } from './schedules/s-loss.ts'
import { everything, mean, readLosses } from './selection/losses.ts'

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
      const losses = await readLosses(item)
      yield { ...item, selection: weighted(item, losses, form) }
    }
  },
})

/**
 * The selection, its weights multiplied by α(h, s). Where α is below zero, as `steep` has it for the easiest text
 * early on, it is taken as zero: a step down such a loss would push up the loss of easy text without end.
 *
 * @param losses `[B·T]` in nats
 */
export function weighted(
  item: Pick<Forwarded | Selected, 'batch'> & { readonly selection?: Selection },
  losses: Float32Array,
  form: SLossForm,
): Selection {
  const { batch, selection = everything(losses) } = item
  const { length, hardness, step, steps } = batch
  const alphas = hardness.map((h) => Math.max(0, sLossForms[form].alpha(h, step / steps)))
  const { tokens, rows, weights } = selection
  const kept: number[] = []
  const changed = weights.map((weight, i) => {
    // A kept row has all of its tokens, unless tokens are named.
    const row = Math.floor(i / length)
    const token = tokens?.[i] ?? (rows?.[row] ?? row) * length + (i % length)
    const alpha = alphas[Math.floor(token / length)]
    if (weight * alpha > 0) kept.push(token)
    return weight * alpha
  })
  return {
    ...selection,
    weights: changed,
    keptFraction: kept.length / losses.length,
    keptLoss: kept.length === 0 ? 0 : mean(losses, Int32Array.from(kept)),
  }
}
