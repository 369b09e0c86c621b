import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { hyphenationPoints } from './hyphenation.ts'

/**
 * First pronunciations that differ in the revision of CMUdict 0.7a that NLTK distributes, and textstat therefore
 * reads. The revision in package `cmudict` is the one of 2008.
 */
const laterRevision: readonly (readonly [word: string, syllables: number])[] = [
  ['extraordinary', 5],
  ['gen', 3],
  ['realize', 2],
  ['realized', 2],
  ['realizing', 3],
  ['solely', 2],
]

let dictionary: Map<string, number> | undefined

/** Syllables of the first pronunciation of each word of CMUdict 0.7a: one a vowel, and vowels alone carry stress. */
function readDictionary(): Map<string, number> {
  const path = createRequire(import.meta.url).resolve('cmudict/lib/cmu/cmudict.0.7a')
  const read = new Map<string, number>()
  for (const line of readFileSync(path, 'latin1').split('\n')) {
    const end = line.indexOf(' ')
    if (end < 1 || line.startsWith(';;;') || line[end - 1] === ')') continue
    let syllables = 0
    for (let at = end; at < line.length; at++) {
      const digit = line.charCodeAt(at) - 48
      if (digit >= 0 && digit <= 2) syllables++
    }
    read.set(line.slice(0, end).toLowerCase(), syllables)
  }
  for (const [word, syllables] of laterRevision) read.set(word, syllables)
  return read
}

/**
 * Syllables of a lower-case word, as textstat 0.7.11 counts them: of the first pronunciation in CMUdict, and for
 * words it lacks one more than the hyphenation patterns allow breaks. At least 1 for a word that is not empty.
 */
export function syllablesOf(word: string): number {
  dictionary ??= readDictionary()
  return dictionary.get(word) ?? hyphenationPoints(word).length + 1
}
