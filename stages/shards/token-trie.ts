import { PairTable } from './pair-table.ts'

const root = 0
const none = -1

/** Finds which tokens a text begins with. */
export class TokenTrie {
  /** Nodes by their parent and a byte. */
  readonly #edges = new PairTable()
  /** `[nodes]` the token that ends at a node, or −1. */
  readonly #tokens: number[] = [none]
  readonly #shorter = new Map<number, number>()

  /** @param texts bytes by token id */
  constructor(texts: Iterable<readonly [id: number, bytes: Uint8Array]>) {
    const all = [...texts]
    for (const [id, bytes] of all) this.#tokens[this.#grow(bytes)] = id
    for (const [id, bytes] of all) this.#shorter.set(id, this.longest(bytes, 0, bytes.length - 1))
  }

  /** The longest token that `bytes[start, end)` begins with; −1 where there is none. */
  longest(bytes: Uint8Array, start: number, end: number): number {
    let token = none
    let node = root
    for (let at = start; at < end; at++) {
      node = this.#edges.get(node, bytes[at])
      if (node < 0) break
      if (this.#tokens[node] >= 0) token = this.#tokens[node]
    }
    return token
  }

  /** The longest other token that a token begins with; −1 where there is none. */
  shorter(token: number): number {
    return this.#shorter.get(token) as number
  }

  #grow(bytes: Uint8Array): number {
    let node = root
    for (const byte of bytes) {
      let next = this.#edges.get(node, byte)
      if (next < 0) {
        next = this.#tokens.push(none) - 1
        this.#edges.set(node, byte, next)
      }
      node = next
    }
    return node
  }
}
