const initialSlots = 1 << 10
/** A larger table is made anew rather than cleared. */
const mostClearedSlots = 1 << 12

/** Counts by whole numbers below 2^53: open addressing, at most half full. */
export class CountTable {
  /** Whether a key had no room. */
  full = false
  #size = 0
  /** Key + 1, or 0 where free. */
  #keys = new Float64Array(initialSlots)
  #counts = new Uint32Array(initialSlots)
  readonly #mostKeys: number

  constructor(mostKeys: number) {
    this.#mostKeys = mostKeys
  }

  get(key: number): number {
    return this.#counts[this.#slotOf(key)]
  }

  /** Counts a key `count` times more, unless it is new and there are enough of them. */
  increase(key: number, count: number): void {
    let slot = this.#slotOf(key)
    if (this.#keys[slot] === 0) {
      if (this.#size === this.#mostKeys) {
        this.full = true
        return
      }
      this.#size++
      if (this.#size * 2 > this.#keys.length) {
        this.#spread()
        slot = this.#slotOf(key)
      }
      this.#keys[slot] = key + 1
    }
    this.#counts[slot] += count
  }

  clear(): void {
    this.#size = 0
    this.full = false
    if (this.#keys.length > mostClearedSlots) {
      this.#keys = new Float64Array(initialSlots)
      this.#counts = new Uint32Array(initialSlots)
    } else {
      this.#keys.fill(0)
      this.#counts.fill(0)
    }
  }

  forEach(visit: (key: number, count: number) => void): void {
    for (let slot = 0; slot < this.#keys.length; slot++) {
      if (this.#keys[slot] !== 0) visit(this.#keys[slot] - 1, this.#counts[slot])
    }
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
