import { seededRandom } from '../../seeded-random.ts'
import { dealPhase } from './deal-phase.ts'
import type { Order } from './order.ts'
import { quantiles } from './quantiles.ts'

/**
 * The pool of the easiest documents grows by 1/α until it holds everything, shrinks by α to where it began, and again.
 * A pool has a share of the run in proportion to its size, as if each were read once; every pool is a phase.
 */
export const cyclical: Order = {
  summary:
    'A pool of the easiest documents grows to everything, shrinks, and grows again; it comes shuffled.',
  formula: 'any q ≤ pool; pools share, share/α, share/α², …, 1, α, …, share/α, and again',
  source: 'arXiv 2202.05531, cyclical curriculum learning',
  defaults: { share: 0.25, alpha: 0.5, cycles: 2 },
  *arrange(lengths, tokens, seed, { share, alpha, cycles }) {
    const pools = Array.from({ length: cycles }, () => poolShares(share, alpha)).flat()
    const whole = pools.reduce((sum, pool) => sum + pool, 0)
    const random = seededRandom(seed)
    let read = 0
    let dealt = 0
    for (const [phase, pool] of pools.entries()) {
      const [open] = quantiles(lengths, [pool])
      read += pool
      const end = phase === pools.length - 1 ? tokens : (read / whole) * tokens
      dealt += yield* dealPhase(phase, open, end - dealt, lengths, random)
    }
  },
}

/** Pools of one cycle, up to everything and down to the one before the first. */
export function poolShares(share: number, alpha: number): number[] {
  const rising: number[] = []
  // A division that should give 1 may give a little less.
  for (let pool = share; pool < 1 - 1e-9; pool /= alpha) rising.push(pool)
  return [...rising, 1, ...rising.slice(1).reverse()]
}
