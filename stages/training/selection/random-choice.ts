import { shuffle } from '../../seeded-random.ts'
import { stepRandom } from './step-random.ts'

/** Indices, ascending, of `count` of `total` items, every subset being equally likely; the same for a seed and a step. */
export function randomChoice(total: number, count: number, seed: number, step: number): Int32Array {
  const indices = Uint32Array.from({ length: total }, (_, i) => i)
  shuffle(indices, stepRandom(seed, step))
  return Int32Array.from(indices.subarray(0, count)).sort()
}
