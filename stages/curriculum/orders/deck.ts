import { type RandomSource, shuffle } from '../../seeded-random.ts'
import type { Lengths } from './order.ts'
import { stretchLength } from './places.ts'

/**
 * Deals places as cards are dealt: shuffled, each once before any comes again. Places that open later join the cards
 * still to be dealt, so that every pass takes in all that is open, and nothing open is left behind.
 */
export class Deck {
  readonly #lengths: Lengths
  readonly #random: RandomSource
  /** Those from #next to #end are still to be dealt. A pass deals each place once, so that they never outgrow it. */
  readonly #cards: Uint32Array
  #opened = 0
  #next = 0
  #end = 0
  #dealt = 0

  /**
   * @param lengths `[n]` tokens that each document takes.
   * @param capacity places that it may open, from the first.
   */
  constructor(lengths: Lengths, random: RandomSource, capacity = lengths.length) {
    this.#lengths = lengths
    this.#random = random
    this.#cards = new Uint32Array(capacity)
  }

  /** Tokens dealt so far. */
  get dealt(): number {
    return this.#dealt
  }

  /** Opens the places up to `end`, to the present pass and to all that follow. Takes as long as those that it adds are many. */
  openTo(end: number): void {
    for (; this.#opened < end; this.#opened++) {
      // Every place among the cards is as likely: shuffled cards stay shuffled (Fisher and Yates, inside out).
      const at = this.#next + Math.floor((this.#random() / 2 ** 32) * (this.#end - this.#next + 1))
      this.#cards[this.#end++] = this.#cards[at]
      this.#cards[at] = this.#opened
    }
  }

  /** Deals until `tokens` have been dealt in all. */
  *dealTo(tokens: number): Generator<Uint32Array> {
    while (this.#dealt < tokens) {
      if (this.#next === this.#end) this.#startPass()
      const first = this.#next
      const last = Math.min(this.#end, first + stretchLength)
      while (this.#next < last && this.#dealt < tokens) {
        this.#dealt += this.#lengths[this.#cards[this.#next++]]
      }
      yield this.#cards.slice(first, this.#next)
    }
  }

  #startPass(): void {
    for (let place = 0; place < this.#opened; place++) this.#cards[place] = place
    this.#next = 0
    this.#end = this.#opened
    shuffle(this.#cards.subarray(0, this.#end), this.#random)
  }
}
