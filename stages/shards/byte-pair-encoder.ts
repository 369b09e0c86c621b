import type { BytePairModel } from './byte-pair-model.ts'
import { TokenHistories } from './token-histories.ts'
import { TokenTrie } from './token-trie.ts'

/**
 * Encodes words as byte-pair encoding does, in time and memory in proportion to their length however long they are:
 * merging in turn takes a queue of all pairs of neighbours.
 *
 * Tokens side by side are what a text becomes exactly when the text of any two neighbours becomes these two. (A merge
 * across a border would be the next one for the two neighbours alone as well; and where none is, the merges of the whole
 * restricted to two neighbours are the merges of the two.) So there is one such sequence for every text, and for each
 * beginning of a text. The encoder goes from left to right, the longest token first, and goes back where no token fits;
 * what comes before a place is always the same then, so that a place from which nothing led on never needs another try.
 */
export class BytePairEncoder {
  readonly #histories: TokenHistories
  readonly #trie: TokenTrie
  /** Bytes by token id. */
  readonly #lengths: Int32Array
  #ids = new Int32Array(1 << 8)
  /** A bit a place of the word: nothing led on from it. */
  #dead = new Uint8Array(1 << 8)

  constructor(model: BytePairModel) {
    const histories = new TokenHistories(model)
    const texts = [...model.texts].filter(([id]) => histories.has(id))
    this.#histories = histories
    this.#trie = new TokenTrie(texts)
    this.#lengths = new Int32Array(texts.reduce((size, [id]) => Math.max(size, id + 1), 0))
    for (const [id, { length }] of texts) this.#lengths[id] = length
  }

  /** Token ids of the word `bytes[start, end)`: a view that lasts until the next word is encoded. */
  encode(bytes: Uint8Array, start: number, end: number): Int32Array {
    const lengths = this.#lengths
    const dead = this.#deadPlaces(end - start)
    let size = 0
    let at = start
    let token = this.#trie.longest(bytes, at, end)
    while (at < end) {
      while (token >= 0 && !this.#fits(size, token, at + lengths[token] - start, dead)) {
        token = this.#trie.shorter(token)
      }
      if (token >= 0) {
        if (size === this.#ids.length) this.#ids = grown(this.#ids)
        this.#ids[size++] = token
        at += lengths[token]
        token = this.#trie.longest(bytes, at, end)
      } else {
        dead[(at - start) >> 3] |= 1 << ((at - start) & 7)
        token = this.#ids[--size]
        at -= lengths[token]
      }
    }
    return this.#ids.subarray(0, size)
  }

  /** Whether a token that ends at `place` of the word can follow those before it. */
  #fits(size: number, token: number, place: number, dead: Uint8Array): boolean {
    if ((dead[place >> 3] >> (place & 7)) & 1) return false
    return size === 0 || this.#histories.areNeighbours(this.#ids[size - 1], token)
  }

  #deadPlaces(length: number): Uint8Array {
    const bytes = (length >> 3) + 1
    if (bytes > this.#dead.length) this.#dead = new Uint8Array(bytes)
    else this.#dead.fill(0, 0, bytes)
    return this.#dead
  }
}

function grown(ids: Int32Array): Int32Array<ArrayBuffer> {
  const copy = new Int32Array(ids.length * 2)
  copy.set(ids)
  return copy
}
