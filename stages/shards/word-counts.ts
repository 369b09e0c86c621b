import type { Utf8Column } from '../../schemas/documents.ts'
import { WordTable } from './word-table.ts'
import type { WordScanner } from './words.ts'

export interface WordCount {
  readonly bytes: Uint8Array
  readonly count: number
}

/**
 * Counts the distinct words of a corpus. Past `limit` words (or 64 bytes a word) the rarest are forgotten, so that
 * memory stays bounded; what is forgotten depends on the text alone, not on how it is cut into batches.
 */
export class WordCounts {
  readonly #scanner: WordScanner
  readonly #limit: number
  #table = new WordTable()
  #counts: number[] = []
  #forgotten = 0

  constructor(scanner: WordScanner, limit = 1 << 22) {
    this.#scanner = scanner
    this.#limit = limit
  }

  /** Distinct words held. */
  get size(): number {
    return this.#table.size
  }

  /** Times that a word was forgotten. */
  get forgotten(): number {
    return this.#forgotten
  }

  add(texts: Utf8Column): void {
    for (let row = 0; row < texts.length; row++) {
      const bytes = texts.bytes(row)
      for (let at = 0; at < bytes.length;) {
        const end = this.#scanner.wordEnd(bytes, at, bytes.length)
        this.#count(bytes, at, end, 1)
        if (this.#table.size > this.#limit || this.#table.byteLength > this.#limit * 64) this.#forgetRarest()
        at = end
      }
    }
  }

  /** Words in the order of their first occurrence. */
  *[Symbol.iterator](): Generator<WordCount, void, undefined> {
    for (let word = 0; word < this.#table.size; word++) {
      yield { bytes: this.#table.bytes(word), count: this.#counts[word] }
    }
  }

  #count(bytes: Uint8Array, start: number, end: number, times: number): void {
    const word = this.#table.intern(bytes, start, end)
    if (word < this.#counts.length) this.#counts[word] += times
    else this.#counts.push(times)
  }

  /** Keeps at most half of the words and bytes: those that occur most, whatever ties with the rest forgotten too. */
  #forgetRarest(): void {
    const all = [...this].sort((a, b) => b.count - a.count)
    let bytes = 0
    let kept = all.findIndex((word, index) => {
      bytes += word.bytes.length
      return index >= this.#limit / 2 || bytes > this.#limit * 32
    })
    while (kept > 0 && all[kept - 1].count === all[kept].count) kept--
    this.#forgotten += all.length - kept
    const least = all[kept].count
    this.#table = new WordTable()
    this.#counts = []
    // The old table's bytes live on in these views.
    for (const { bytes, count } of all) if (count > least) this.#count(bytes, 0, bytes.length, count)
  }
}
