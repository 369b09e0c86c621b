import { dirname } from 'node:path'
import type { Tokenizer } from 'tokenizers'
import { valuesOf } from '../../schemas/safetensors.ts'
import { openTokenizer } from '../shards/tokenizer-file.ts'
import type { BackendChoice } from './backend/backend.ts'
import { openBackend } from './backend/open-backend.ts'
import type { Checkpoint } from './checkpoint-folder.ts'
import { Decoder } from './model/decoder.ts'
import { checkVocabulary } from './model-vocabulary.ts'

/** What writes text: a model, and the tokenizer that its ids are of. */
export interface OpenDecoder {
  readonly decoder: Decoder
  readonly tokenizer: Tokenizer
  /** Folder of the model, for sentences about it. */
  readonly model: string
}

/** @throws UserError where its tokenizer cannot be read, or has ids that the model has no row for. */
export async function openDecoder(
  { config, tensors, tokenizer: path }: Checkpoint,
  backend: BackendChoice,
): Promise<OpenDecoder> {
  const { tokenizer, vocabulary } = await openTokenizer(path)
  const model = dirname(path)
  checkVocabulary(model, config, vocabulary)
  const { name } = await openBackend(backend)
  return { decoder: new Decoder(config, valuesOf(tensors), name), tokenizer, model }
}
