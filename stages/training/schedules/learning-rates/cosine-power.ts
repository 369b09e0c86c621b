import { z } from 'zod'
import { between, defineShape } from './shape.ts'

export const cosinePower = defineShape({
  summary: 'A power of half a cosine: falls early, and stays low for long.',
  formula: 'f + (1 − f)(p^(1 + (1 + cos πz)/2) − p)/(p² − p)',
  source: 'arXiv 1903.09900',
  final: 0,
  options: z.strictObject({ p: z.number().gt(1).default(10).describe('Base of the power') }),
  share({ z }, final, { p }) {
    return between(final, (p ** (1 + (1 + Math.cos(Math.PI * z)) / 2) - p) / (p ** 2 - p))
  },
})
