import { type RandomSource, shuffle } from '../../seeded-random.ts'

/**
 * Deals documents as cards are dealt: shuffled, each once before any comes again. Documents that open later join the
 * cards still to be dealt, so that every pass takes in all that is open, and nothing open is left behind.
 */
export class Deck {
  readonly #lengths: Uint32Array
  readonly #random: RandomSource
  readonly #open: Uint32Array
  /** Those from #next to #end are still to be dealt. A pass deals each document once, so that they never outgrow it. */
  readonly #cards: Uint32Array
  #opened = 0
  #next = 0
  #end = 0
  #dealt = 0

  /**
   * @param lengths `[n]` tokens that each document takes.
   */
  constructor(lengths: Uint32Array, random: RandomSource) {
    this.#lengths = lengths
    this.#random = random
    this.#open = new Uint32Array(lengths.length)
    this.#cards = new Uint32Array(lengths.length)
  }

  /** Tokens dealt so far. */
  get dealt(): number {
    return this.#dealt
  }

  /** Adds documents, to the present pass and to all that follow. Takes as long as they are many, whatever is open. */
  open(documents: Uint32Array): void {
    this.#open.set(documents, this.#opened)
    this.#opened += documents.length
    for (const document of documents) {
      // Every place among the cards is as likely: shuffled cards stay shuffled (Fisher and Yates, inside out).
      const place = this.#next + Math.floor((this.#random() / 2 ** 32) * (this.#end - this.#next + 1))
      this.#cards[this.#end++] = this.#cards[place]
      this.#cards[place] = document
    }
  }

  /** Deals until `tokens` have been dealt in all. Yields what comes from one pass together. */
  *dealTo(tokens: number): Generator<Uint32Array> {
    while (this.#dealt < tokens) {
      if (this.#next === this.#end) this.#startPass()
      const first = this.#next
      while (this.#next < this.#end && this.#dealt < tokens) {
        this.#dealt += this.#lengths[this.#cards[this.#next++]]
      }
      yield this.#cards.slice(first, this.#next)
    }
  }

  #startPass(): void {
    this.#cards.set(this.#open.subarray(0, this.#opened))
    this.#next = 0
    this.#end = this.#opened
    shuffle(this.#cards.subarray(0, this.#end), this.#random)
  }
}
