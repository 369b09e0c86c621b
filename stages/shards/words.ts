import type { PreTokenizer } from 'tokenizers'

const letter = 1
const number = 2
const other = 3
const space = 4

/**
 * Finds the words of byte-level tokenizers in UTF-8 text, as GPT-2's regular expression does
 * (Radford et al. 2019): contractions, letters, numbers or other characters with the one space before them, white space.
 *
 * What is a letter, a number or white space is asked of the tokenizers library, once a code point: its tables and
 * those of JavaScript's regular expressions are of different Unicode versions.
 */
export class WordScanner {
  readonly #preTokenizer: PreTokenizer
  /** By code point; 0 where the library has not been asked. */
  readonly #classes = new Uint8Array(0x110000)

  /** `preTokenizer` splits by GPT-2's regular expression and adds no space in front. */
  constructor(preTokenizer: PreTokenizer) {
    this.#preTokenizer = preTokenizer
    for (let code = 0; code < 0x80; code++) this.#classes[code] = this.#ask(code)
  }

  /** End of the word that starts at `start`; `end` is the end of the document. */
  wordEnd(bytes: Uint8Array, start: number, end: number): number {
    const first = bytes[start]
    if (first === 0x27) {
      const contraction = contractionLength(bytes, start, end)
      if (contraction > 0) return start + contraction
    }
    const kind = this.#classAt(bytes, start)
    if (first === 0x20 && start + 1 < end) {
      const next = this.#classAt(bytes, start + 1)
      if (next !== space) return this.#runEnd(bytes, start + 1, end, next)
    }
    return kind === space ? this.#spaceEnd(bytes, start, end) : this.#runEnd(bytes, start, end, kind)
  }

  #runEnd(bytes: Uint8Array, from: number, end: number, kind: number): number {
    const classes = this.#classes
    let at = from
    while (at < end) {
      const byte = bytes[at]
      if (byte < 0x80) {
        if (classes[byte] !== kind) return at
        at++
      } else {
        if (this.#classAt(bytes, at) !== kind) return at
        at += sequenceLength(byte)
      }
    }
    return end
  }

  /** White space before something else leaves its last character to what follows. */
  #spaceEnd(bytes: Uint8Array, start: number, end: number): number {
    let at = start
    let last = start
    while (at < end && this.#classAt(bytes, at) === space) {
      last = at
      at += sequenceLength(bytes[at])
    }
    return at === end || last === start ? at : last
  }

  #classAt(bytes: Uint8Array, at: number): number {
    const byte = bytes[at]
    if (byte < 0x80) return this.#classes[byte]
    const code = codePointAt(bytes, at)
    return this.#classes[code] || (this.#classes[code] = this.#ask(code))
  }

  #ask(code: number): number {
    const character = String.fromCodePoint(code)
    if (this.#joins('a', character)) return letter
    if (this.#joins('1', character)) return number
    return this.#joins('!', character) ? other : space
  }

  #joins(before: string, character: string): boolean {
    return this.#preTokenizer.preTokenizeString(before + character).length === 1
  }
}

/** Bytes of `'s 't 'm 'd 're 've 'll` at `start`, 0 where there is none. */
function contractionLength(bytes: Uint8Array, start: number, end: number): number {
  if (start + 1 >= end) return 0
  const one = bytes[start + 1]
  if (one === 0x73 || one === 0x74 || one === 0x6d || one === 0x64) return 2
  if (start + 2 >= end) return 0
  const two = bytes[start + 2]
  const long = two === 0x65 ? one === 0x72 || one === 0x76 : two === 0x6c && one === 0x6c
  return long ? 3 : 0
}

function sequenceLength(lead: number): number {
  return lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4
}

function codePointAt(bytes: Uint8Array, at: number): number {
  const lead = bytes[at]
  const one = bytes[at + 1] & 0x3f
  if (lead < 0xe0) return ((lead & 0x1f) << 6) | one
  const two = bytes[at + 2] & 0x3f
  if (lead < 0xf0) return ((lead & 0x0f) << 12) | (one << 6) | two
  return ((lead & 0x07) << 18) | (one << 12) | (two << 6) | (bytes[at + 3] & 0x3f)
}
