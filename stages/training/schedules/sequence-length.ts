import { z } from 'zod'
import { openShare, pacings, type Pacing } from './pacing.ts'

/** How the length of sequences grows to that of the end of the run. */
export interface LengthGrowth {
  /** Tokens of a sequence at the beginning. */
  readonly from: number
  /** Progress in [0, 1] from which sequences have their full length. */
  readonly until: number
  readonly pacing: Pacing
}

/** The option of a stage that cuts sequences. */
export const lengthGrowthOption = z
  .strictObject({
    from: z.int().positive().describe('Tokens of a sequence at the beginning'),
    until: z.number().gte(0).lte(1).default(0.5).describe('Progress in [0, 1] at which growth ends'),
    pacing: z.enum(pacings).default('linear').describe('How fast sequences grow'),
  })
  .describe(
    'Sequences that grow up to `length`; a batch keeps its number of tokens, and has more rows before',
  )

/**
 * Length of sequences at `progress` in [0, 1]: the longest one that divides a batch of `tokens` tokens evenly and is
 * at most from + (length − from) · pacing(progress / until). A curriculum of lengths as in arXiv 2108.06084, but for
 * the batches, which all have as many tokens here.
 */
export function sequenceLength(
  { from, until, pacing }: LengthGrowth,
  length: number,
  tokens: number,
  progress: number,
): number {
  if (progress >= until) return length
  let longest = Math.floor(from + (length - from) * openShare(pacing, progress / until))
  while (tokens % longest !== 0) longest--
  return longest
}
