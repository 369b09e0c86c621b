const emptySlot = -1
const { imul } = Math

/** Numbers distinct byte strings from 0 in the order in which they are first met. */
export class WordTable {
  #size = 0
  /** The words' bytes, one after the other. */
  #bytes = new Uint8Array(1 << 16)
  /** `[size + 1]` where a word starts in `#bytes`. */
  #starts = new Uint32Array(1 << 12)
  #hashes = new Int32Array(1 << 12)
  /** Open addressing with linear probing, at most half full. */
  #slots = new Int32Array(1 << 13).fill(emptySlot)

  get size(): number {
    return this.#size
  }

  /** Bytes of all words together. */
  get byteLength(): number {
    return this.#starts[this.#size]
  }

  /** Number of the word `bytes[start, end)`; a new word gets the number that `size` was. */
  intern(bytes: Uint8Array, start: number, end: number): number {
    let hash = 0x811c9dc5 | 0
    for (let at = start; at < end; at++) hash = imul(hash ^ bytes[at], 0x01000193)
    hash ^= hash >>> 15
    const mask = this.#slots.length - 1
    let slot = hash & mask
    for (;;) {
      const word = this.#slots[slot]
      if (word === emptySlot) break
      if (this.#hashes[word] === hash && this.#equals(word, bytes, start, end)) return word
      slot = (slot + 1) & mask
    }
    return this.#add(bytes, start, end, hash, slot)
  }

  /** The word's bytes: a view that lasts until the next word is added. */
  bytes(word: number): Uint8Array {
    return this.#bytes.subarray(this.#starts[word], this.#starts[word + 1])
  }

  text(word: number): string {
    return Buffer.from(this.#bytes.buffer).toString('utf8', this.#starts[word], this.#starts[word + 1])
  }

  #equals(word: number, bytes: Uint8Array, start: number, end: number): boolean {
    const own = this.#bytes
    let from = this.#starts[word]
    if (this.#starts[word + 1] - from !== end - start) return false
    for (let at = start; at < end; at++, from++) if (own[from] !== bytes[at]) return false
    return true
  }

  #add(bytes: Uint8Array, start: number, end: number, hash: number, slot: number): number {
    const word = this.#size
    const from = this.#starts[word]
    const to = from + end - start
    if (to > this.#bytes.length)
      this.#bytes = grown(this.#bytes, new Uint8Array(Math.max(to, this.#bytes.length * 2)))
    if (word + 2 > this.#starts.length) {
      this.#starts = grown(this.#starts, new Uint32Array(this.#starts.length * 2))
      this.#hashes = grown(this.#hashes, new Int32Array(this.#hashes.length * 2))
    }
    this.#bytes.set(bytes.subarray(start, end), from)
    this.#starts[word + 1] = to
    this.#hashes[word] = hash
    this.#slots[slot] = word
    this.#size++
    if (this.#size * 2 > this.#slots.length) this.#rehash()
    return word
  }

  #rehash(): void {
    const slots = new Int32Array(this.#slots.length * 2).fill(emptySlot)
    const mask = slots.length - 1
    for (let word = 0; word < this.#size; word++) {
      let slot = this.#hashes[word] & mask
      while (slots[slot] !== emptySlot) slot = (slot + 1) & mask
      slots[slot] = word
    }
    this.#slots = slots
  }
}

function grown<T extends Uint8Array | Uint32Array | Int32Array>(from: T, to: T): T {
  to.set(from)
  return to
}
