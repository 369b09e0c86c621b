import fc from 'fast-check'
import { fleschMetric, fleschReadingEase } from '../../scoring/flesch.ts'
import { flags } from '../../scoring/metric.ts'
import { syllablesOf } from '../../scoring/syllables.ts'
import { readabilityNumbers } from './readability-numbers.ts'
import { documentOf, measured, packageText } from './texts.ts'

/** textstat's rules once more, by regular expressions over the whole text instead of one pass over its bytes. */
function countsByExpressions(text: string): { words: number; sentences: number; syllables: number } {
  const letter = '[\\p{L}\\p{N}_]'
  const space = '[\\s\\x1c-\\x1f\\x85]'
  const contraction = new RegExp(`'(?!(?:[tsd]|ve|ll|re)(?!${letter}))`, 'gu')
  const punctuation = new RegExp(`(?!${letter}|${space})[^']|\\ufeff`, 'gu')
  const wordsOf = (part: string): string[] =>
    part
      .replace(contraction, '')
      .replace(punctuation, '')
      .split(new RegExp(`${space}+`, 'u'))
      .filter((word) => word !== '')
  const edge = `(?:(?<!${letter})(?=${letter})|(?<=${letter})(?!${letter}))`
  const sentences = text.match(new RegExp(`${edge}[^.!?]+[.!?]*`, 'gu')) ?? []
  const words = wordsOf(text)
  return {
    words: words.length,
    sentences:
      text === '' ? 0 : Math.max(1, sentences.filter((sentence) => wordsOf(sentence).length > 2).length),
    syllables: words.reduce((sum, word) => sum + syllablesOf(word.toLowerCase()), 0),
  }
}

describe('fleschReadingEase', () => {
  // All 40 texts agree to the last syllable, so that there is no difference to explain. What it takes: CMUdict 0.7a
  // (later versions have words that textstat hyphenates), the six pronunciations of NLTK's revision of it, and the
  // hyphenation patterns of pyphen (those of TeX's hyph-utf8 break other words).
  it.each(readabilityNumbers.map((row) => [row.file, row] as const))(
    'counts as textstat does on %s',
    (file, row) => {
      const { score, words, sentences, syllables } = fleschReadingEase(packageText(file))
      expect({ words, sentences, syllables }).toEqual({
        words: row.words,
        sentences: row.sentences,
        syllables: row.syllables,
      })
      expect(score).toBeCloseTo(row.flesch, 9)
    },
  )

  it('deletes hyphens and keeps the apostrophes of contractions', () => {
    expect(fleschReadingEase("A well-known fact, isn't it?")).toMatchObject({ words: 5, sentences: 1 })
    // Any other apostrophe is deleted: "you've" is in the dictionary, "youve" is hyphenated by patterns.
    expect(fleschReadingEase("you've")).toMatchObject({ words: 1, syllables: 1 })
    expect(fleschReadingEase('you’ve')).toMatchObject({ words: 1, syllables: 2 })
  })

  it('does not count sentences of two words or fewer, but one at least', () => {
    expect(fleschReadingEase('Go away! I will not go. Never. No, no.')).toMatchObject({
      words: 9,
      sentences: 1,
    })
    expect(fleschReadingEase('Go away!')).toMatchObject({ words: 2, sentences: 1 })
    expect(fleschReadingEase('We live in the U.S. of A. now')).toMatchObject({ words: 8, sentences: 1 })
  })

  it('is 0 for a text without words, as in textstat', () => {
    expect(fleschReadingEase('')).toEqual({ score: 0, words: 0, sentences: 0, syllables: 0 })
    expect(fleschReadingEase(' ... ')).toEqual({ score: 0, words: 0, sentences: 1, syllables: 0 })
  })

  it('counts any text as the regular expressions do', () => {
    const text = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 60 }),
      fc.string({
        unit: fc.constantFrom(..."asdtrevlAST''. \n!?-_7,é\u0301日İK\u0085\u001c\ufeff\u00a0½😀"),
        maxLength: 200,
      }),
    )
    fc.assert(
      fc.property(text, (text) => {
        const { words, sentences, syllables } = fleschReadingEase(text)
        expect({ words, sentences, syllables }).toEqual(countsByExpressions(Buffer.from(text).toString()))
      }),
      { numRuns: 2000 },
    )
  })
})

describe('the metric flesch', () => {
  it('flags what has no word, no sentence, an endless word, or words that are not English', async () => {
    const gauge = await fleschMetric.open()
    expect(measured(gauge, documentOf(''))).toEqual({ value: 0, flags: flags.empty })
    expect(measured(gauge, documentOf('Go away!')).flags).toBe(flags.censored)
    expect(measured(gauge, documentOf('I will not go')).flags).toBe(0)
    expect(measured(gauge, documentOf(`It is a ${'b'.repeat(5000)}.`)).flags).toBe(flags.truncated)
    expect(measured(gauge, documentOf('Я не пойду туда.')).flags).toBe(flags.foreign)
  })

  it('gives the score that fleschReadingEase gives', async () => {
    const gauge = await fleschMetric.open()
    const text = packageText(readabilityNumbers[3].file)
    expect(gauge.measure(documentOf(text))).toBe(fleschReadingEase(text).score)
  })
})
