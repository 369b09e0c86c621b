import { UserError } from '../../schemas/user-error.ts'
import { seededRandom } from '../seeded-random.ts'
import type { Decoder } from './model/decoder.ts'
import { sampleToken, type Sampling } from './sampling.ts'

export interface Generation extends Sampling {
  /** Most tokens to add. */
  readonly tokens: number
  readonly seed: number
  /** Ends the text when it is drawn; it is not part of the result. */
  readonly endOfText: number
  /** Folder of the model, for the sentence. */
  readonly model: string
}

/**
 * Continues `prompt` (token ids, one at least) with the model's own tokens. Where a text outgrows the context, the model
 * goes on from as many of its last tokens as fill half of that: to forget one at a time would mean to read all again
 * for each token.
 * @throws UserError where the model's predictions are not finite: nothing could be drawn by them.
 */
export async function generate(
  decoder: Decoder,
  prompt: readonly number[],
  generation: Generation,
): Promise<number[]> {
  const { context } = decoder.config
  const random = seededRandom(generation.seed)
  const text = [...prompt]
  let unread = prompt
  decoder.clear()
  for (;;) {
    if (decoder.length + unread.length > context) {
      decoder.clear()
      unread = text.slice(-Math.ceil(context / 2))
    }
    const logits = await decoder.read(unread)
    if (!logits.every(Number.isFinite)) {
      throw new UserError(
        `The model \`${generation.model}\` predicts numbers that are not finite: its training diverged, or its weights are damaged. Take an earlier checkpoint, or another model.`,
      )
    }
    const next = sampleToken(logits, generation, random)
    if (next === generation.endOfText) break
    text.push(next)
    if (text.length === prompt.length + generation.tokens) break
    unread = [next]
  }
  return text.slice(prompt.length)
}
