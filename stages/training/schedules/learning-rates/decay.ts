import { z } from 'zod'
import { between } from './shape.ts'

/** Options of a rate that is constant and decays at the end. */
export const decayOptions = {
  decay: z
    .number()
    .gt(0)
    .lte(1)
    .default(0.2)
    .describe('Share of the steps after the warm-up over which the rate falls'),
  along: z
    .enum(['linear', 'exponential'])
    .default('linear')
    .describe('A straight line to `final`, or a half for every `half-life`'),
  'half-life': z
    .number()
    .gt(0)
    .default(0.2)
    .describe('Share of the decay in which the rate halves, where it falls exponentially'),
}

export type Decay = z.output<z.ZodObject<typeof decayOptions>>

/** The fall from 1 at x = 0: 1 − x, or 0.5^(x / half-life); after x = 1 as there. */
export function decayed(x: number, final: number, { along, 'half-life': halfLife }: Decay): number {
  const at = Math.min(1, Math.max(0, x))
  return between(final, along === 'linear' ? 1 - at : 0.5 ** (at / halfLife))
}
