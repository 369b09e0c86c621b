import type { BytePairModel } from './byte-pair-model.ts'

/** More than any rank. */
const never = 0x7fffffff

/**
 * How the text of each token becomes that token, merge by merge. Of two tokens side by side that says whether their text
 * would become these two: the merges of both go on independently of each other, always the lower rank first, unless
 * what stands at the border between them merges before.
 */
export class TokenHistories {
  readonly #model: BytePairModel
  /** By token id: where its states begin and end in the arrays below; a token that its own text does not become has none. */
  readonly #starts: Int32Array
  readonly #ends: Int32Array
  /** Rank of the merge that led to a state; the first state of a token is its bytes. */
  readonly #ranks: Int32Array
  /** The first and the last symbol of a state. */
  readonly #firsts: Int32Array
  readonly #lasts: Int32Array

  constructor(model: BytePairModel) {
    this.#model = model
    let [ids, states] = [0, 0]
    for (const [id, { length }] of model.texts) {
      ids = Math.max(ids, id + 1)
      states += length
    }
    this.#starts = new Int32Array(ids)
    this.#ends = new Int32Array(ids)
    this.#ranks = new Int32Array(states)
    this.#firsts = new Int32Array(states)
    this.#lasts = new Int32Array(states)
    let at = 0
    for (const [id, text] of model.texts) at = this.#record(id, text, at)
  }

  /** Whether a token's own text becomes it. Where it does not, no text ever does. */
  has(id: number): boolean {
    return this.#ends[id] > this.#starts[id]
  }

  /** Whether the text of two tokens becomes these two. Both must be in the histories. */
  areNeighbours(left: number, right: number): boolean {
    const ranks = this.#ranks
    const table = this.#model.ranks
    let [l, r] = [this.#starts[left], this.#starts[right]]
    const [lastLeft, lastRight] = [this.#ends[left] - 1, this.#ends[right] - 1]
    let crossing = table.get(this.#lasts[l], this.#firsts[r])
    for (;;) {
      const ofLeft = l < lastLeft ? ranks[l + 1] : never
      const ofRight = r < lastRight ? ranks[r + 1] : never
      // Of equal ranks the leftmost goes first.
      if (crossing >= 0 && crossing < ofLeft && crossing <= ofRight) return false
      if (ofLeft <= ofRight) {
        if (ofLeft === never) return true
        if (this.#lasts[++l] === this.#lasts[l - 1]) continue
      } else if (this.#firsts[++r] === this.#firsts[r - 1]) continue
      crossing = table.get(this.#lasts[l], this.#firsts[r])
    }
  }

  /** Merges a token's text, and keeps the states if it ends as the token. Returns where the next token's begin. */
  #record(id: number, text: Uint8Array, start: number): number {
    const { byteIds, ranks, made } = this.#model
    const symbols = Array.from(text, (byte) => byteIds[byte])
    let state = start
    for (let rank = never; ;) {
      this.#ranks[state] = rank
      this.#firsts[state] = symbols[0]
      this.#lasts[state] = symbols[symbols.length - 1]
      state++
      let place = -1
      rank = never
      for (let i = 0; i + 1 < symbols.length; i++) {
        const found = ranks.get(symbols[i], symbols[i + 1])
        if (found >= 0 && found < rank) [rank, place] = [found, i]
      }
      if (place < 0) break
      symbols.splice(place, 2, made[rank])
    }
    if (symbols.length > 1 || symbols[0] !== id) return start
    this.#starts[id] = start
    this.#ends[id] = state
    return state
  }
}
