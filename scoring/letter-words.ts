import { firstHash, firstSeed, grown, secondHash, secondSeed, WordTable } from './word-table.ts'

/** Past this many distinct words the table is emptied before the next document, so that memory stays bounded. */
const mostRemembered = 1 << 18
/** Longest buffer, in words, that is kept from one document to the next. */
const longestKept = 1 << 20

/**
 * Cuts UTF-8 text into the words that `text.toLowerCase().match(/[a-z]+/g)` finds, as ids: equal words of one
 * document, and no others, have equal ids.
 */
export class LetterWords {
  /** Ids of the words in order; the first `count` are those of the document scanned last. */
  ids = new Int32Array(1 << 12)
  count = 0
  /** Letters a to z. */
  letters = 0
  /** Characters outside ASCII. */
  others = 0

  readonly #table = new WordTable()

  /** Number that no id reaches. */
  get idLimit(): number {
    return this.#table.size
  }

  scan(bytes: Uint8Array): void {
    const table = this.#table
    if (table.size > mostRemembered) table.clear()
    if (this.ids.length > longestKept) this.ids = new Int32Array(1 << 12)
    let { ids } = this
    let count = 0
    let letters = 0
    let others = 0
    let length = 0
    let first = firstSeed
    let second = secondSeed
    for (let at = 0; at < bytes.length; at++) {
      for (let letter; at < bytes.length && (letter = letterOf[bytes[at]]) !== 0; at++) {
        length++
        first = firstHash(first, letter)
        second = secondHash(second, letter)
      }
      if (bytes[at] >= 0xc0) {
        others++
        // Two characters outside ASCII have a letter in lower case: the Kelvin sign k, dotted capital I an i and a dot.
        const kelvin = bytes[at] === 0xe2 && bytes[at + 1] === 0x84 && bytes[at + 2] === 0xaa
        if (kelvin || (bytes[at] === 0xc4 && bytes[at + 1] === 0xb0)) {
          length++
          first = firstHash(first, kelvin ? 0x6b : 0x69)
          second = secondHash(second, kelvin ? 0x6b : 0x69)
        }
        if (kelvin) {
          at += 2
          if (at + 1 < bytes.length) continue
        }
      }
      if (length === 0) continue
      if (count === ids.length) ids = grown(ids, count + 1)
      ids[count++] = table.idOf(first, second)
      letters += length
      length = 0
      first = firstSeed
      second = secondSeed
    }
    this.ids = ids
    this.count = count
    this.letters = letters
    this.others = others
  }
}

/** Lower case of each ASCII letter; 0 for every other byte. */
const letterOf = Uint8Array.from({ length: 0x100 }, (_, byte) =>
  /[a-z]/i.test(String.fromCharCode(byte)) ? byte | 0x20 : 0,
)
