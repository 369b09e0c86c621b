import type { Tokenizer } from 'tokenizers'
import type { Utf8Column } from '../../schemas/documents.ts'
import type { TokenLists } from '../../schemas/tokenized.ts'
import type { AddedTokens } from './added-tokens.ts'
import type { BytePairEncoder } from './byte-pair-encoder.ts'
import { encodeByLibrary } from './library-encoder.ts'
import { TokenListBuilder } from './token-list-builder.ts'
import { WordTable } from './word-table.ts'
import type { WordScanner } from './words.ts'

/** Past either, words are forgotten: text without end of ever new words must not fill the memory. */
const wordsKept = 1 << 20
const wordBytesKept = 1 << 26
/** Longer words hardly come twice. */
const longestKnown = 256

/**
 * Encodes text of tokenizers whose words are encoded independently of each other: a word is encoded when it is first
 * met, and its ids are copied after that.
 */
export class WordEncoder {
  readonly #tokenizer: Tokenizer
  readonly #vocabulary: number
  readonly #scanner: WordScanner
  readonly #addedTokens: AddedTokens
  readonly #pairs: BytePairEncoder
  #table = new WordTable()
  /** Ids of all words of the table, one word after the other. */
  #ids = new Int32Array(1 << 12)
  /** `[known words + 1]` where a word starts in `#ids`. */
  #starts = new Int32Array(1 << 10)

  constructor(
    tokenizer: Tokenizer,
    vocabulary: number,
    scanner: WordScanner,
    addedTokens: AddedTokens,
    pairs: BytePairEncoder,
  ) {
    this.#tokenizer = tokenizer
    this.#vocabulary = vocabulary
    this.#scanner = scanner
    this.#addedTokens = addedTokens
    this.#pairs = pairs
  }

  async encode(texts: Utf8Column): Promise<TokenLists> {
    const builder = new TokenListBuilder(texts.length, this.#vocabulary, 0)
    for (let row = 0; row < texts.length; row++) {
      const bytes = texts.bytes(row)
      // Added tokens may lie across words.
      if (this.#addedTokens.occurIn(bytes)) await this.#encodeWhole(texts.text(row), builder)
      else this.#encodeWords(bytes, builder)
      builder.endDocument()
    }
    return builder.finish()
  }

  async #encodeWhole(text: string, builder: TokenListBuilder): Promise<void> {
    for await (const ids of encodeByLibrary(this.#tokenizer, [text])) builder.push(ids, 0, ids.length)
  }

  #encodeWords(bytes: Uint8Array, builder: TokenListBuilder): void {
    for (let at = 0; at < bytes.length;) {
      const end = this.#scanner.wordEnd(bytes, at, bytes.length)
      if (end - at > longestKnown) {
        const ids = this.#pairs.encode(bytes, at, end)
        builder.push(ids, 0, ids.length)
      } else {
        const word = this.#learn(bytes, at, end)
        builder.push(this.#ids, this.#starts[word], this.#starts[word + 1])
      }
      at = end
    }
  }

  /** Number of a word whose ids are known from now on. */
  #learn(bytes: Uint8Array, start: number, end: number): number {
    if (this.#table.size >= wordsKept || this.#table.byteLength >= wordBytesKept)
      this.#table = new WordTable()
    const known = this.#table.size
    const word = this.#table.intern(bytes, start, end)
    if (word < known) return word
    const ids = this.#pairs.encode(bytes, start, end)
    const from = this.#starts[word]
    const to = from + ids.length
    if (to > this.#ids.length) this.#ids = grown(this.#ids)
    if (word + 2 > this.#starts.length) this.#starts = grown(this.#starts)
    this.#ids.set(ids, from)
    this.#starts[word + 1] = to
    return word
  }
}

function grown(numbers: Int32Array): Int32Array<ArrayBuffer> {
  const copy = new Int32Array(numbers.length * 2)
  copy.set(numbers)
  return copy
}
