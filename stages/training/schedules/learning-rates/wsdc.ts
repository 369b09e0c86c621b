import { z } from 'zod'
import { decayed, decayOptions } from './decay.ts'
import { defineShape } from './shape.ts'

export const wsdc = defineShape({
  summary: 'Wsd that ends in a constant tail.',
  formula: 'wsd with its decay from z = 1 − d − c to 1 − c, then constant',
  source: 'wsd with a constant tail',
  final: 0.1,
  options: z
    .strictObject({
      ...decayOptions,
      tail: z.number().gt(0).lt(1).default(0.1).describe('Share of the steps after the decay'),
    })
    .refine(({ decay, tail }) => decay + tail <= 1, { error: '`decay` and `tail` are more than the run' }),
  share({ z }, final, options) {
    const { decay, tail } = options
    return decayed((z - (1 - decay - tail)) / decay, final, options)
  },
})
