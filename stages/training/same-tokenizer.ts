import { join } from 'node:path'
import { UserError } from '../../schemas/user-error.ts'
import { openTokenizer, tokenizerHash } from '../shards/tokenizer-file.ts'

/**
 * Holds a model's tokenizer against that of the shards it is to read: their ids must stand for the same tokens.
 * @param model folder of the model, for the sentence
 * @param tokenizer path of its tokenizer.json
 * @param shards folder
 * @throws UserError where they do not.
 */
export async function checkTokenizer(model: string, tokenizer: string, shards: string): Promise<void> {
  const path = join(shards, 'tokenizer.json')
  if ((await tokenizerHash(tokenizer)) === (await tokenizerHash(path))) return
  const [own, given] = [await openTokenizer(tokenizer), await openTokenizer(path)]
  const ids = new Map(Object.entries(own.tokenizer.getVocab(true)))
  const tokens = Object.entries(given.tokenizer.getVocab(true))
  if (tokens.length === ids.size && tokens.every(([token, id]) => ids.get(token) === id)) return
  throw new UserError(
    `The model \`${model}\` has another tokenizer than the shards in \`${shards}\`. Score the corpus with --tokenizer ${tokenizer}.`,
  )
}
