import { z } from 'zod'
import { between, defineShape } from './shape.ts'

/** The warm-up is the first rise; every other fall and rise takes as long as the others. */
export const triangular = defineShape({
  summary: 'Falls and rises in straight lines, and ends in a fall.',
  formula: 'f + (1 − f)·|1 − 2·frac((c − ½)z)|, c falls',
  source: 'arXiv 1506.01186',
  final: 0.1,
  options: z.strictObject({ cycles: z.int().min(1).default(3).describe('How often the rate falls') }),
  share({ z }, final, { cycles }) {
    const turns = (cycles - 0.5) * z
    return between(final, Math.abs(1 - 2 * (turns - Math.floor(turns))))
  },
})
