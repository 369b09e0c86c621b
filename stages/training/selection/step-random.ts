import { type RandomSource, seededRandom } from '../../seeded-random.ts'

/**
 * Random numbers of a step. Steps are spread over the seeds by an odd constant, so that neighbouring seeds and steps
 * share no stream.
 */
export function stepRandom(seed: number, step: number): RandomSource {
  return seededRandom((Math.imul(seed, 0x85ebca6b) + Math.imul(step, 0x9e3779b1)) >>> 0)
}
