import { asciiKinds, codePointAt, kindOf, kinds, sequenceLength } from './character-kinds.ts'
import { syllablesOf } from './syllables.ts'
import { firstHash, firstSeed, grown, secondHash, secondSeed, WordTable } from './word-table.ts'

/** Past this many distinct words the memory of their syllables is emptied before the next document. */
const mostRemembered = 1 << 18
/** Bytes of a word that are looked at. */
const maxLetters = 1024

/**
 * Counts words, sentences and syllables of UTF-8 text in one pass, by the rules of textstat 0.7.11 for English:
 *
 * - A word is a stretch without white space that has a letter or digit in it. Its punctuation, hyphens included, is
 *   deleted before its syllables are looked up, except an apostrophe before `t`, `s`, `d`, `ve`, `ll` or `re`.
 * - A sentence runs from a letter or digit to the end of the next row of full stops, exclamation or question marks.
 *   Sentences of two words or fewer are not counted; text that is not empty has one sentence at least.
 * - Syllables are those of `syllablesOf`, remembered by word.
 */
export class ReadabilityCounts {
  words = 0
  sentences = 0
  syllables = 0
  /** Whether no sentence was long enough to be counted, so that the one counted stands for the whole text. */
  noSentence = false
  /** Words with a character outside ASCII. */
  foreignWords = 0
  /** Whether a word was too long for all its letters to be looked at. */
  overlong = false

  readonly #table = new WordTable()
  readonly #word = new Uint8Array(maxLetters)
  /** Syllables by word id. */
  #syllables = new Uint16Array(1 << 12)

  scan(bytes: Uint8Array): void {
    const word = this.#word
    this.#forget()
    let sentenceWords = 0
    /** Whether the word at hand has been counted into the sentence at hand, which may begin within it. */
    let inSentence = false
    let foreign = false
    let length = 0
    let first = firstSeed
    let second = secondSeed
    for (let at = 0; at < bytes.length; at++) {
      for (let letter; at < bytes.length && (letter = letterOf[bytes[at]]) !== 0; at++) {
        // Past its end the buffer takes no more letters.
        word[length++] = letter
        first = firstHash(first, letter)
        second = secondHash(second, letter)
        if (inSentence) continue
        inSentence = true
        sentenceWords++
      }
      if (at === bytes.length) break
      const kind = bytes[at] < 0x80 ? asciiKinds[bytes[at]] : kindOf(codePointAt(bytes, at))
      if (kind === kinds.space) {
        if (length > 0) {
          this.#add(length, first, second, foreign)
          length = 0
          first = firstSeed
          second = secondSeed
          foreign = false
        }
        inSentence = false
      } else if (kind === kinds.stop) {
        if (sentenceWords > 2) this.sentences++
        sentenceWords = 0
        inSentence = false
      } else if (kind === kinds.word || (kind === kinds.apostrophe && contracts(bytes, at + 1))) {
        if (kind === kinds.word) {
          foreign = true
          if (!inSentence) sentenceWords++
          inSentence = true
        }
        for (const end = at + sequenceLength(bytes[at]); at < end; at++) {
          word[length++] = bytes[at]
          first = firstHash(first, bytes[at])
          second = secondHash(second, bytes[at])
        }
        at--
        continue
      }
      at += sequenceLength(bytes[at]) - 1
    }
    if (length > 0) this.#add(length, first, second, foreign)
    if (sentenceWords > 2) this.sentences++
    this.noSentence = this.sentences === 0
    if (this.noSentence && bytes.length > 0) this.sentences = 1
  }

  #forget(): void {
    if (this.#table.size > mostRemembered) this.#table.clear()
    this.words = 0
    this.sentences = 0
    this.syllables = 0
    this.foreignWords = 0
    this.overlong = false
  }

  /** Counts the word in the first `length` bytes of the buffer. */
  #add(length: number, first: number, second: number, foreign: boolean): void {
    if (length > maxLetters) this.overlong = true
    const known = this.#table.size
    const id = this.#table.idOf(first, second)
    if (id === known) {
      if (id === this.#syllables.length) this.#syllables = grown(this.#syllables, id + 1)
      this.#syllables[id] = syllablesOf(Buffer.from(this.#word.subarray(0, length)).toString().toLowerCase())
    }
    this.words++
    this.syllables += this.#syllables[id]
    if (foreign) this.foreignWords++
  }
}

/** Lower case of each letter, digit and low line of ASCII; 0 for every other byte. */
const letterOf = Uint8Array.from({ length: 0x100 }, (_, byte) =>
  asciiKinds[byte] === kinds.word ? String.fromCharCode(byte).toLowerCase().charCodeAt(0) : 0,
)

/** Whether an apostrophe before bytes[at] belongs to a contraction, which upper-case letters never do. */
function contracts(bytes: Uint8Array, at: number): boolean {
  const first = bytes[at]
  const second = bytes[at + 1]
  if (first === 0x74 || first === 0x73 || first === 0x64) return endsWord(bytes, at + 1) // t, s, d
  if ((first === 0x76 || first === 0x72) && second === 0x65) return endsWord(bytes, at + 2) // ve, re
  return first === 0x6c && second === 0x6c && endsWord(bytes, at + 2) // ll
}

function endsWord(bytes: Uint8Array, at: number): boolean {
  return at >= bytes.length || kindOf(codePointAt(bytes, at)) !== kinds.word
}
