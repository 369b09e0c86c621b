import { seededRandom } from '../../seeded-random.ts'
import { dealPhase } from './deal-phase.ts'
import type { Order } from './order.ts'

export const random: Order = {
  summary: 'Shuffled; each pass anew.',
  formula: 'any q at any t',
  source: 'the baseline of every comparison',
  defaults: {},
  ignoresDifficulty: true,
  *arrange(lengths, tokens, seed) {
    yield* dealPhase(0, lengths.length, tokens, lengths, seededRandom(seed))
  },
}
