import type { Tokenizer } from 'tokenizers'
import type { Utf8Column } from '../../schemas/documents.ts'
import type { TokenLists } from '../../schemas/tokenized.ts'
import type { AddedTokens } from './added-tokens.ts'
import { encodeByLibrary } from './library-encoder.ts'
import { TokenListBuilder } from './token-list-builder.ts'
import { WordTable } from './word-table.ts'
import type { WordScanner } from './words.ts'

/** Past either, words are forgotten: text without end of ever new words must not fill the memory. */
const wordsKept = 1 << 20
const wordBytesKept = 1 << 26

/** Documents cut into words: document r has `words[offsets[r], offsets[r + 1])`, or ids of its own. */
interface CutDocuments {
  readonly words: Int32Array
  readonly offsets: Int32Array
  /** Rows that hold added tokens: they cannot be cut into words. */
  readonly whole: readonly number[]
}

/**
 * Encodes text of tokenizers whose words are encoded independently of each other: the library is asked once a
 * distinct word, whose ids are then copied.
 */
export class WordEncoder {
  readonly #tokenizer: Tokenizer
  readonly #vocabulary: number
  readonly #scanner: WordScanner
  readonly #addedTokens: AddedTokens
  #table = new WordTable()
  /** Ids of all words of the table, one word after the other. */
  #ids: number[] = []
  /** `[known words + 1]` where a word starts in `#ids`. */
  #starts: number[] = [0]

  constructor(tokenizer: Tokenizer, vocabulary: number, scanner: WordScanner, addedTokens: AddedTokens) {
    this.#tokenizer = tokenizer
    this.#vocabulary = vocabulary
    this.#scanner = scanner
    this.#addedTokens = addedTokens
  }

  async encode(texts: Utf8Column): Promise<TokenLists> {
    this.#forgetWhereFull()
    const { words, offsets, whole } = this.#cut(texts)
    await this.#learnNewWords()
    const idsOfWhole = await this.#encodeWhole(texts, whole)
    const builder = new TokenListBuilder(texts.length, this.#vocabulary, offsets[texts.length])
    for (let row = 0; row < texts.length; row++) {
      const ids = idsOfWhole.get(row)
      if (ids !== undefined) builder.push(ids, 0, ids.length)
      for (let at = offsets[row]; at < offsets[row + 1]; at++) {
        builder.push(this.#ids, this.#starts[words[at]], this.#starts[words[at] + 1])
      }
      builder.endDocument()
    }
    return builder.finish()
  }

  #forgetWhereFull(): void {
    if (this.#table.size < wordsKept && this.#table.byteLength < wordBytesKept) return
    this.#table = new WordTable()
    this.#ids = []
    this.#starts = [0]
  }

  #cut(texts: Utf8Column): CutDocuments {
    const table = this.#table
    const scanner = this.#scanner
    const offsets = new Int32Array(texts.length + 1)
    const whole: number[] = []
    let words = new Int32Array(1 << 12)
    let size = 0
    for (let row = 0; row < texts.length; row++) {
      const bytes = texts.bytes(row)
      if (this.#addedTokens.occurIn(bytes)) whole.push(row)
      else {
        // Every word has a byte at least.
        if (size + bytes.length > words.length) words = grown(words, size + bytes.length)
        for (let at = 0; at < bytes.length;) {
          const end = scanner.wordEnd(bytes, at, bytes.length)
          words[size++] = table.intern(bytes, at, end)
          at = end
        }
      }
      offsets[row + 1] = size
    }
    return { words, offsets, whole }
  }

  async #learnNewWords(): Promise<void> {
    for await (const ids of encodeByLibrary(this.#tokenizer, this.#newWords())) {
      for (const id of ids) this.#ids.push(id)
      this.#starts.push(this.#ids.length)
    }
  }

  *#newWords(): Generator<string, void, undefined> {
    for (let word = this.#starts.length - 1; word < this.#table.size; word++) yield this.#table.text(word)
  }

  async #encodeWhole(texts: Utf8Column, rows: readonly number[]): Promise<Map<number, readonly number[]>> {
    const documents = new Map<number, readonly number[]>()
    let next = 0
    const wanted = textsOf(texts, rows)
    for await (const ids of encodeByLibrary(this.#tokenizer, wanted)) {
      documents.set(rows[next++], ids)
    }
    return documents
  }
}

function* textsOf(texts: Utf8Column, rows: readonly number[]): Generator<string, void, undefined> {
  for (const row of rows) yield texts.text(row)
}

function grown(words: Int32Array<ArrayBuffer>, size: number): Int32Array<ArrayBuffer> {
  const copy = new Int32Array(Math.max(size, words.length * 2))
  copy.set(words)
  return copy
}
