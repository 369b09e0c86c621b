import { UserError } from '../../schemas/user-error.ts'
import type { ModelConfig } from './model/config.ts'

/**
 * Holds a model's vocabulary against that of its tokenizer. A back end may read a row behind the embedding's last one as
 * zeros and say nothing, so that losses and texts would merely be wrong.
 * @param model folder of the model, for the sentence
 * @param tokenizerVocabulary the tokenizer's ids are below
 * @throws UserError where there is an id that the model has no row for.
 */
export function checkVocabulary(
  model: string,
  { vocabulary }: Pick<ModelConfig, 'vocabulary'>,
  tokenizerVocabulary: number,
): void {
  // It may have rows to spare, which fill up a round number.
  if (vocabulary >= tokenizerVocabulary) return
  throw new UserError(
    `The model \`${model}\` has ${vocabulary} tokens, and its tokenizer gives ids up to ${tokenizerVocabulary - 1}. Take a model that goes with the tokenizer.`,
  )
}
