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
      if (this.order >= 2) this.#bigrams.increment(this.bigram(last, token))
      if (this.order >= 3 && before >= 0) this.#trigrams.increment(this.trigram(before, last, token))
      before = last
      last = token
    }
    this.tokens += document.length + 1
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
    return (length === 2 ? this.#bigrams : this.#trigrams).get(ngram)
  }
}

/** Counts by whole numbers below 2^53: open addressing, at most half full. */
class CountTable {
  #size = 0
  /** Key + 1, or 0 where free. */
  #keys = new Float64Array(1 << 10)
  #counts = new Uint32Array(1 << 10)
  readonly #mostKeys: number

  constructor(mostKeys: number) {
    this.#mostKeys = mostKeys
  }

  get(key: number): number {
    return this.#counts[this.#slotOf(key)]
  }

  /** Counts a key once more, unless it is new and there are enough of them. */
  increment(key: number): void {
    let slot = this.#slotOf(key)
    if (this.#keys[slot] === 0) {
      if (this.#size === this.#mostKeys) return
      this.#size++
      if (this.#size * 2 > this.#keys.length) {
        this.#spread()
        slot = this.#slotOf(key)
      }
      this.#keys[slot] = key + 1
    }
    this.#counts[slot]++
  }

  /** Where a key is, or would be. */
  #slotOf(key: number): number {
    const keys = this.#keys
    const mask = keys.length - 1
    const high = Math.floor(key / 2 ** 32)
    let hash = Math.imul(key | 0, 0x9e3779b1) ^ Math.imul(high, 0x85ebca6b)
    hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d)
    let slot = (hash ^ (hash >>> 13)) & mask
    while (keys[slot] !== 0 && keys[slot] !== key + 1) slot = (slot + 1) & mask
    return slot
  }

  #spread(): void {
    const keys = this.#keys
    const counts = this.#counts
    this.#keys = new Float64Array(keys.length * 2)
    this.#counts = new Uint32Array(keys.length * 2)
    for (let from = 0; from < keys.length; from++) {
      if (keys[from] === 0) continue
      const slot = this.#slotOf(keys[from] - 1)
      this.#keys[slot] = keys[from]
      this.#counts[slot] = counts[from]
    }
  }
}
