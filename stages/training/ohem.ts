import { z } from 'zod'
import { defineStage } from '../stage.ts'
import { hardest } from './selection/hardest.ts'
import { select, selectionOptions } from './selection/select.ts'

/** Online hard example mining (Shrivastava et al., arXiv 1604.03540): gradients for the largest losses alone. */
export const ohem = defineStage({
  name: 'ohem',
  summary: 'Keep the sequences or tokens with the largest loss for backward.',
  version: 1,
  accepts: ['forwarded'],
  emits: 'selected',
  options: z.strictObject(selectionOptions),
  async *run(items, { options }) {
    yield* select(items, { ...options, choose: hardest, hasThreshold: true })
  },
})
