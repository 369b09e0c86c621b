/**
 * Numbers distinct words from 0 on. A word is known by two hashes of 32 bits, `firstHash` and `secondHash` over its
 * bytes, which whoever cuts the text keeps up letter by letter: among a million words, the chance that any two share
 * both is below one in ten million.
 */
export class WordTable {
  /** Number of words so far; ids are below it, and a word that had none gets this one. */
  size = 0

  /** Open addressing, four numbers a slot: both hashes, id + 1 or 0 where free, nothing. At most half full. */
  #slots = new Int32Array(1 << 14)

  idOf(first: number, second: number): number {
    const slots = this.#slots
    const mask = slots.length - 1
    let slot = start(first, mask)
    for (;;) {
      const id = slots[slot + 2] - 1
      if (id < 0) return this.#add(first, second, slot)
      if (slots[slot] === first && slots[slot + 1] === second) return id
      slot = (slot + 4) & mask
    }
  }

  /** Forgets all words; ids begin at 0 again. */
  clear(): void {
    this.size = 0
    this.#slots = new Int32Array(1 << 14)
  }

  #add(first: number, second: number, slot: number): number {
    const id = this.size++
    this.#slots[slot] = first
    this.#slots[slot + 1] = second
    this.#slots[slot + 2] = id + 1
    if (this.size * 8 > this.#slots.length) this.#spread()
    return id
  }

  /** Doubles the slots. */
  #spread(): void {
    const old = this.#slots
    const slots = new Int32Array(old.length * 2)
    const mask = slots.length - 1
    for (let from = 0; from < old.length; from += 4) {
      if (old[from + 2] === 0) continue
      let slot = start(old[from], mask)
      while (slots[slot + 2] !== 0) slot = (slot + 4) & mask
      slots.set(old.subarray(from, from + 4), slot)
    }
    this.#slots = slots
  }
}

/** Where the search for a word begins. */
function start(first: number, mask: number): number {
  return ((first ^ (first >>> 15)) << 2) & mask
}

/** Hashes of a word without letters. */
export const firstSeed = 0x811c9dc5 | 0
export const secondSeed = 0x2f0b4c47 | 0

/** First hash of a word that goes on with `byte` (FNV-1a). */
export function firstHash(hash: number, byte: number): number {
  return Math.imul(hash ^ byte, 0x01000193)
}

/** Second hash of a word that goes on with `byte`. */
export function secondHash(hash: number, byte: number): number {
  return Math.imul(hash + byte, 0x2c1b3c6d)
}

/** A copy with room for `length` elements at least, and for twice those there were. */
export function grown<T extends Uint8Array | Uint16Array | Uint32Array | Int32Array>(
  array: T,
  length: number,
): T {
  const copy = new (array.constructor as new (length: number) => T)(Math.max(length, array.length * 2))
  copy.set(array)
  return copy
}
