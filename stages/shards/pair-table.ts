const empty = -1
const { imul } = Math

/** Maps pairs of whole numbers from 0 to 2³¹ − 1 to others: a third of a Map's memory, and no string or float as a key. */
export class PairTable {
  #size = 0
  /** `[slots, 2]`; open addressing with linear probing, at most half full. */
  #keys = new Int32Array(2 << 8)
  #values = new Int32Array(1 << 8).fill(empty)

  /** −1 where the pair is not in the table. */
  get(left: number, right: number): number {
    return this.#values[this.#slot(left, right)]
  }

  set(left: number, right: number, value: number): void {
    const slot = this.#slot(left, right)
    const isNew = this.#values[slot] === empty
    this.#keys[2 * slot] = left
    this.#keys[2 * slot + 1] = right
    this.#values[slot] = value
    if (isNew && ++this.#size * 2 > this.#values.length) this.#grow()
  }

  /** Where the pair is, or would be. */
  #slot(left: number, right: number): number {
    const keys = this.#keys
    const values = this.#values
    const mask = values.length - 1
    const hash = imul(imul(left, 0x9e3779b1) ^ right, 0x85ebca6b)
    let slot = (hash ^ (hash >>> 15)) & mask
    while (values[slot] !== empty && (keys[2 * slot] !== left || keys[2 * slot + 1] !== right)) {
      slot = (slot + 1) & mask
    }
    return slot
  }

  #grow(): void {
    const [keys, values] = [this.#keys, this.#values]
    this.#keys = new Int32Array(2 * keys.length)
    this.#values = new Int32Array(2 * values.length).fill(empty)
    this.#size = 0
    for (let slot = 0; slot < values.length; slot++) {
      if (values[slot] !== empty) this.set(keys[2 * slot], keys[2 * slot + 1], values[slot])
    }
  }
}
