import { type TokenIds, tokenIds, type TokenLists } from '../../schemas/tokenized.ts'

/** Collects the token ids of documents, one document after the other. */
export class TokenListBuilder {
  readonly #vocabulary: number
  readonly #offsets: Int32Array
  #values: TokenIds
  #row = 0
  #size = 0

  constructor(rows: number, vocabulary: number, expectedTokens: number) {
    this.#vocabulary = vocabulary
    this.#offsets = new Int32Array(rows + 1)
    this.#values = tokenIds(vocabulary, Math.max(expectedTokens, 16))
  }

  /** Adds `ids[from, to)` to the document at hand. */
  push(ids: ArrayLike<number>, from: number, to: number): void {
    const size = this.#size + to - from
    if (size > this.#values.length) {
      const values = tokenIds(this.#vocabulary, Math.max(size, this.#values.length * 2))
      values.set(this.#values)
      this.#values = values
    }
    for (let at = from, into = this.#size; at < to; at++, into++) this.#values[into] = ids[at]
    this.#size = size
  }

  endDocument(): void {
    this.#offsets[++this.#row] = this.#size
  }

  finish(): TokenLists {
    return { offsets: this.#offsets, values: this.#values.subarray(0, this.#size) }
  }
}
