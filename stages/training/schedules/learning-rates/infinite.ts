import { z } from 'zod'
import { between, defineShape } from './shape.ts'

export const infinite = defineShape({
  summary:
    'Half a cosine to a constant that any run can go on from, and an exponential decay where one is asked for.',
  formula:
    'l + (1 − l)(1 + cos(πz/c))/2 to z = c, then l, then l·(f/l)^x over the last d, x = (z − (1 − d))/d',
  source: 'arXiv 2403.08763',
  final: 0.01,
  options: z
    .strictObject({
      cooldown: z
        .number()
        .gt(0)
        .lte(1)
        .default(0.3)
        .describe('Share of the steps over which the cosine falls'),
      level: z.number().gt(0).lte(1).default(0.5).describe('Share of the peak that stays'),
      decay: z
        .number()
        .gte(0)
        .lte(1)
        .default(0.1)
        .describe('Share of the steps of the last decay; 0 for a run that another one goes on from'),
    })
    .refine(({ cooldown, decay }) => cooldown + decay <= 1, {
      error: '`cooldown` and `decay` are more than the run',
    }),
  share({ z }, final, { cooldown, level, decay }) {
    if (z < cooldown) return between(level, (1 + Math.cos((Math.PI * z) / cooldown)) / 2)
    if (z <= 1 - decay) return level
    return level * (final / level) ** ((z - (1 - decay)) / decay)
  },
})
