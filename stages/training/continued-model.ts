import { UserError } from '../../schemas/user-error.ts'
import type { Log } from '../stage.ts'
import type { Checkpoint } from './checkpoint-folder.ts'
import type { Batch } from './messages.ts'
import { checkVocabulary } from './model-vocabulary.ts'
import { readNewestModel } from './newest-model.ts'
import { checkTokenizer } from './same-tokenizer.ts'

/**
 * A trained model that is to read other batches: its training goes on with them, or its losses are compared with.
 * @param from a folder with a model, or a run whose newest checkpoint is meant
 * @throws UserError where there is none, or one that cannot read the batches.
 */
export async function readContinuedModel(
  from: string,
  { corpus, ...batch }: Batch,
  log: Log,
): Promise<Checkpoint> {
  const { length } = batch.longest ?? batch
  const checkpoint = await readNewestModel(from, log)
  const { config, tokenizer } = checkpoint
  await checkTokenizer(from, tokenizer, corpus.shards)
  checkVocabulary(from, config, corpus.vocabulary)
  if (config.context < length) {
    throw new UserError(
      `The model \`${from}\` reads ${config.context} tokens at most, and batches have sequences of ${length}. Lower \`length\` of \`pack\`, or take a model with a longer context.`,
    )
  }
  return checkpoint
}
