import { seededRandom } from '../stages/seeded-random.ts'

/**
 * Chooses `size` of `total` rows that come one after the other; every choice of so many is as likely as any other
 * (selection sampling, algorithm S of Knuth 1997, The Art of Computer Programming 2, 3.4.2). The same rows each time.
 */
export class UniformSample {
  /** Rows chosen in all. */
  readonly size: number
  #wanted: number
  #left: number
  readonly #random = seededRandom(1)

  constructor(total: number, most: number) {
    this.size = Math.min(total, most)
    this.#wanted = this.size
    this.#left = total
  }

  /** Whether the next row is chosen. */
  next(): boolean {
    const chosen = (this.#random() / 2 ** 32) * this.#left < this.#wanted
    this.#left--
    if (chosen) this.#wanted--
    return chosen
  }
}
