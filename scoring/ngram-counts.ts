import { CountTable } from './count-table.ts'

export type NgramOrder = 1 | 2 | 3

export interface NgramCountsOptions {
  /** Longest n-grams counted. */
  readonly order: NgramOrder
  /** Number of token ids. */
  readonly vocabulary: number
  /** Id of the end-of-text token: what comes before a document's first token and after its last. */
  readonly endOfText: number
  /**
   * Most distinct n-grams of each length that are counted, 4 Mi unless given. Those that first occur after so many
   * others are taken never to occur, so that memory stays within 24 bytes times this for each length above 1.
   */
  readonly mostNgrams?: number
}

/** Counts of n-grams up to three tokens over a corpus, gathered document by document. */
export class NgramCounts {
  readonly order: NgramOrder
  readonly vocabulary: number
  readonly endOfText: number
  /** Tokens seen, the end-of-text token after each document included. */
  tokens = 0

  readonly #unigrams: Uint32Array
  readonly #bigrams: CountTable
  readonly #trigrams: CountTable

  /** @throws RangeError if n-grams of this order over this vocabulary cannot be told apart by a number. */
  constructor({ order, vocabulary, endOfText, mostNgrams = 1 << 22 }: NgramCountsOptions) {
    if (vocabulary ** order >= Number.MAX_SAFE_INTEGER) {
      throw new RangeError(
        `A vocabulary of ${vocabulary} tokens is too large for n-grams of ${order} tokens.`,
      )
    }
    this.order = order
    this.vocabulary = vocabulary
    this.endOfText = endOfText
    this.#unigrams = new Uint32Array(vocabulary)
    this.#bigrams = new CountTable(mostNgrams)
    this.#trigrams = new CountTable(mostNgrams)
  }

  /** Adds a document, token ids without the end-of-text token. */
  add(document: Uint16Array | Uint32Array): void {
    let before = -1
    let last = this.endOfText
    for (let at = 0; at <= document.length; at++) {
      const token = at < document.length ? document[at] : this.endOfText
      this.#unigrams[token]++
      if (this.order >= 2) this.#bigrams.increase(this.bigram(last, token), 1)
      if (this.order >= 3 && before >= 0) this.#trigrams.increase(this.trigram(before, last, token), 1)
      before = last
      last = token
    }
    this.tokens += document.length + 1
  }

  /** Forgets everything. */
  clear(): void {
    this.tokens = 0
    this.#unigrams.fill(0)
    this.#bigrams.clear()
    this.#trigrams.clear()
  }

  /** Adds an n-gram of `length` tokens, by its number, that occurs `count` times more. `tokens` stays as it is. */
  increase(length: NgramOrder, ngram: number, count: number): void {
    if (length === 1) this.#unigrams[ngram] += count
    else this.#table(length).increase(ngram, count)
  }

  /** Visits every n-gram of `length` tokens that occurs, in an order that depends on what was counted alone. */
  forEach(length: NgramOrder, visit: (ngram: number, count: number) => void): void {
    if (length !== 1) return this.#table(length).forEach(visit)
    this.#unigrams.forEach((count, token) => {
      if (count > 0) visit(token, count)
    })
  }

  /** Whether there were n-grams past the most that are counted. */
  get full(): boolean {
    return this.#bigrams.full || this.#trigrams.full
  }

  /** Number by which a bigram, and likewise a trigram, is known. */
  bigram(first: number, second: number): number {
    return first * this.vocabulary + second
  }

  trigram(first: number, second: number, third: number): number {
    return (first * this.vocabulary + second) * this.vocabulary + third
  }

  /** Occurrences of an n-gram of `length` tokens; of a bigram or trigram by its number. */
  countOf(length: NgramOrder, ngram: number): number {
    if (length === 1) return this.#unigrams[ngram]
    return this.#table(length).get(ngram)
  }

  #table(length: 2 | 3): CountTable {
    return length === 2 ? this.#bigrams : this.#trigrams
  }
}
