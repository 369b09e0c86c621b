import { z } from 'zod'
import { defineStage } from '../stage.ts'
import { randomChoice } from './selection/random-choice.ts'
import { select, selectionOptions } from './selection/select.ts'

export const randomKeep = defineStage({
  name: 'random-keep',
  summary: 'Keep sequences or tokens at random for backward: the control for every other selection.',
  version: 2,
  accepts: ['forwarded'],
  emits: 'selected',
  options: z.strictObject({
    ...selectionOptions,
    seed: z.int().min(0).default(1).describe('The same seed keeps the same items in the same step.'),
  }),
  async *run(items, { options: { seed, ...options } }) {
    yield* select(items, {
      ...options,
      choose: (losses, count, { step }) => randomChoice(losses.length, count, seed, step),
      hasThreshold: false,
    })
  },
})
