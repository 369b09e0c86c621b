import type { Tokenizer } from 'tokenizers'
import type { Utf8Column } from '../../schemas/documents.ts'
import type { TokenLists } from '../../schemas/tokenized.ts'
import { TokenListBuilder } from './token-list-builder.ts'

/** The library keeps offsets and strings for every token of a call, some hundred bytes each. */
const charactersPerCall = 1 << 20

/** Encodes text of any tokenizer. */
export class LibraryEncoder {
  readonly #tokenizer: Tokenizer
  readonly #vocabulary: number

  constructor(tokenizer: Tokenizer, vocabulary: number) {
    this.#tokenizer = tokenizer
    this.#vocabulary = vocabulary
  }

  async encode(texts: Utf8Column): Promise<TokenLists> {
    const builder = new TokenListBuilder(texts.length, this.#vocabulary, 0)
    for await (const ids of encodeByLibrary(this.#tokenizer, allOf(texts))) {
      builder.push(ids, 0, ids.length)
      builder.endDocument()
    }
    return builder.finish()
  }
}

/** Ids of each text without special tokens, as the tokenizers library gives them. */
export async function* encodeByLibrary(
  tokenizer: Tokenizer,
  texts: Iterable<string>,
): AsyncGenerator<readonly number[], void, undefined> {
  let call: string[] = []
  let characters = 0
  for (const text of texts) {
    call.push(text)
    characters += text.length
    if (characters < charactersPerCall) continue
    yield* idsOf(tokenizer, call)
    call = []
    characters = 0
  }
  if (call.length > 0) yield* idsOf(tokenizer, call)
}

async function* idsOf(
  tokenizer: Tokenizer,
  texts: string[],
): AsyncGenerator<readonly number[], void, undefined> {
  for (const encoding of await tokenizer.encodeBatch(texts, { addSpecialTokens: false }))
    yield encoding.getIds()
}

function* allOf(texts: Utf8Column): Generator<string, void, undefined> {
  for (let row = 0; row < texts.length; row++) yield texts.text(row)
}
