import { MaxHeap } from './max-heap.ts'
import type { WordCount } from './word-counts.ts'

/** Two symbols, left and right, that become one: numbers of symbols, of which the first 256 are bytes. */
export type Merge = readonly [left: number, right: number]

export interface BytePairs {
  /** In the order in which they were learnt. */
  readonly merges: readonly Merge[]
  /** Bytes of each symbol: the alphabet first, then what merges made. */
  readonly symbols: readonly Uint8Array[]
}

/** A pair that occurs once in the whole corpus says nothing about the language. */
const leastCount = 2

interface Candidate {
  readonly pair: number
  readonly count: number
}

/**
 * Learns a byte-pair encoding (Sennrich, Haddow & Birch 2016): the most frequent pair of neighbouring symbols becomes
 * a symbol, again and again, until there are `size` symbols or no pair occurs twice. Of pairs that are as frequent the
 * one with the lower left, then lower right symbol goes first, so that equal words give equal merges.
 *
 * `alphabet` holds the 256 bytes in the order of their symbols' numbers.
 */
export function learnBytePairs(words: Iterable<WordCount>, alphabet: Uint8Array, size: number): BytePairs {
  const symbols = Array.from(alphabet, (byte) => Uint8Array.of(byte))
  const numberOf = new Map(symbols.map((bytes, symbol) => [latin1(bytes), symbol]))
  const corpus = new SymbolWords(words, alphabet)
  const candidates = new MaxHeap<Candidate>((a, b) => a.count - b.count || b.pair - a.pair)
  for (const pair of corpus.takeChanged()) candidates.push({ pair, count: corpus.count(pair) })
  const merges: Merge[] = []
  while (symbols.length < size) {
    const best = candidates.pop()
    if (best === undefined) break
    const count = corpus.count(best.pair)
    if (count < leastCount) continue
    if (count !== best.count) {
      candidates.push({ pair: best.pair, count })
      continue
    }
    const merge: Merge = [Math.floor(best.pair / pairBase), best.pair % pairBase]
    const bytes = Buffer.concat([symbols[merge[0]], symbols[merge[1]]])
    // Two pairs can make one symbol, as ab+c and a+bc do.
    const symbol = numberOf.get(latin1(bytes)) ?? symbols.push(bytes) - 1
    numberOf.set(latin1(bytes), symbol)
    merges.push(merge)
    corpus.merge(merge, symbol)
    for (const pair of corpus.takeChanged()) candidates.push({ pair, count: corpus.count(pair) })
  }
  return { merges, symbols }
}

/** A pair of symbols as one number, ordered by left, then right. */
const pairBase = 2 ** 24
const pairOf = (left: number, right: number) => left * pairBase + right

/** The corpus's words as symbols, with the count of each pair of neighbours and the words that it is in. */
class SymbolWords {
  /** All words' symbols; a word's own fill the front of its space. */
  readonly #symbols: Uint32Array
  readonly #starts: Uint32Array
  readonly #lengths: Uint32Array
  readonly #wordCounts: Float64Array
  readonly #pairCounts = new Map<number, number>()
  /** Words that a pair may be in. */
  readonly #wordsOf = new Map<number, number[]>()
  /** Pairs that have come to more words since they were last taken. */
  #changed = new Set<number>()

  constructor(words: Iterable<WordCount>, alphabet: Uint8Array) {
    const symbolOf = new Uint8Array(256)
    alphabet.forEach((byte, symbol) => (symbolOf[byte] = symbol))
    const all = [...words]
    this.#symbols = new Uint32Array(all.reduce((sum, { bytes }) => sum + bytes.length, 0))
    this.#starts = new Uint32Array(all.length)
    this.#lengths = Uint32Array.from(all, ({ bytes }) => bytes.length)
    this.#wordCounts = Float64Array.from(all, ({ count }) => count)
    let start = 0
    for (const [word, { bytes, count }] of all.entries()) {
      this.#starts[word] = start
      for (let at = 0; at < bytes.length; at++) {
        this.#symbols[start + at] = symbolOf[bytes[at]]
        if (at > 0) this.#gain(this.#symbols[start + at - 1], symbolOf[bytes[at]], count, word)
      }
      start += bytes.length
    }
  }

  count(pair: number): number {
    return this.#pairCounts.get(pair) ?? 0
  }

  takeChanged(): Set<number> {
    const changed = this.#changed
    this.#changed = new Set()
    return changed
  }

  merge([left, right]: Merge, symbol: number): void {
    const pair = pairOf(left, right)
    const words = this.#wordsOf.get(pair) ?? []
    this.#wordsOf.delete(pair)
    for (const word of words) this.#mergeIn(word, left, right, symbol)
    this.#pairCounts.delete(pair)
  }

  /** Replaces the pair from left to right; a word that is listed twice is found merged already. */
  #mergeIn(word: number, left: number, right: number, symbol: number): void {
    const symbols = this.#symbols
    const count = this.#wordCounts[word]
    const start = this.#starts[word]
    const end = start + this.#lengths[word]
    let into = start
    for (let at = start; at < end; at++, into++) {
      if (symbols[at] !== left || at + 1 >= end || symbols[at + 1] !== right) {
        symbols[into] = symbols[at]
        continue
      }
      if (into > start) {
        this.#lose(symbols[into - 1], left, count)
        this.#gain(symbols[into - 1], symbol, count, word)
      }
      if (at + 2 < end) {
        this.#lose(right, symbols[at + 2], count)
        this.#gain(symbol, symbols[at + 2], count, word)
      }
      symbols[into] = symbol
      at++
    }
    this.#lengths[word] = into - start
  }

  #gain(left: number, right: number, count: number, word: number): void {
    const pair = pairOf(left, right)
    this.#pairCounts.set(pair, this.count(pair) + count)
    const words = this.#wordsOf.get(pair)
    if (words === undefined) this.#wordsOf.set(pair, [word])
    else if (words[words.length - 1] !== word) words.push(word)
    this.#changed.add(pair)
  }

  #lose(left: number, right: number, count: number): void {
    const pair = pairOf(left, right)
    this.#pairCounts.set(pair, this.count(pair) - count)
  }
}

function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1')
}
