import { z } from 'zod'
import { defineShape } from './shape.ts'

export const power = defineShape({
  summary: 'Falls with a power of the tokens seen, whatever the length of the run.',
  formula: 'min(1, β·a·n^b / peak), β sequences a step, n tokens seen',
  source: 'arXiv 2408.13359',
  options: z.strictObject({
    a: z.number().gt(0).default(4).describe('Factor'),
    b: z.number().lt(0).default(-0.51).describe('Power'),
  }),
  share: ({ peak, sequences, tokens }, _, { a, b }) => Math.min(1, (sequences * a * tokens ** b) / peak),
})
