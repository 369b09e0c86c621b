import { seededRandom } from '../seeded-random.ts'
import { dispose } from './backend/tidy.ts'
import type { Model } from './model/model.ts'
import { sampleToken, type Sampling } from './sampling.ts'

export interface Generation extends Sampling {
  /** Most tokens to add. */
  readonly tokens: number
  readonly seed: number
  /** Ends the text when it is drawn; it is not part of the result. */
  readonly endOfText: number
}

/** Continues `prompt` (token ids, one at least) with the model's own tokens, seeing as many as its context holds. */
export async function generate(
  model: Model,
  prompt: readonly number[],
  generation: Generation,
): Promise<number[]> {
  const random = seededRandom(generation.seed)
  const text = [...prompt]
  while (text.length < prompt.length + generation.tokens) {
    const seen = Int32Array.from(text.slice(-model.config.context))
    const logits = model.logits(seen, 1)
    const next = sampleToken((await logits.data()) as Float32Array, generation, random)
    dispose(logits)
    if (next === generation.endOfText) break
    text.push(next)
  }
  return text.slice(prompt.length)
}
