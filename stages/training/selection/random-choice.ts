import { seededRandom, shuffle } from '../../seeded-random.ts'

/** Indices, ascending, of `count` of `total` items, every subset being equally likely; the same for a seed and a step. */
export function randomChoice(total: number, count: number, seed: number, step: number): Int32Array {
  const indices = Uint32Array.from({ length: total }, (_, i) => i)
  // Steps are spread over the seeds by an odd constant, so that neighbouring seeds and steps share no stream.
  shuffle(indices, seededRandom((Math.imul(seed, 0x85ebca6b) + Math.imul(step, 0x9e3779b1)) >>> 0))
  return Int32Array.from(indices.subarray(0, count)).sort()
}
