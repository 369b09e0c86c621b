import { byteLevelPreTokenizer } from 'tokenizers'
import type { Utf8Column } from '../../schemas/documents.ts'
import type { TokenLists } from '../../schemas/tokenized.ts'
import { AddedTokens } from './added-tokens.ts'
import { BytePairEncoder } from './byte-pair-encoder.ts'
import { bytePairModel } from './byte-pair-model.ts'
import { LibraryEncoder } from './library-encoder.ts'
import type { TokenizerDescription, TokenizerFile } from './tokenizer-file.ts'
import { WordEncoder } from './word-encoder.ts'
import { WordScanner } from './words.ts'

export interface Encoder {
  /** Token ids of each text, the same as the library's `encode` without special tokens. */
  encode(texts: Utf8Column): Promise<TokenLists>
}

/** The fastest encoder whose ids are the library's for this tokenizer. */
export function encoderOf({ tokenizer, vocabulary, description }: TokenizerFile): Encoder {
  const model = cutsByteLevelWords(description) ? bytePairModel(description.model) : undefined
  if (!model) return new LibraryEncoder(tokenizer, vocabulary)
  const addedTokens = new AddedTokens((description.added_tokens ?? []).map(({ content }) => content))
  return new WordEncoder(tokenizer, vocabulary, byteLevelWords(), addedTokens, new BytePairEncoder(model))
}

/** The words of tokenizers like GPT-2's. */
export function byteLevelWords(): WordScanner {
  return new WordScanner(byteLevelPreTokenizer(false, true))
}

/** A normalizer would change text across words, and a space in front the first word of a document. */
function cutsByteLevelWords({ normalizer, pre_tokenizer: preTokenizer }: TokenizerDescription): boolean {
  return (
    !normalizer &&
    preTokenizer?.type === 'ByteLevel' &&
    preTokenizer.add_prefix_space === false &&
    // The library's default.
    preTokenizer.use_regex !== false
  )
}
