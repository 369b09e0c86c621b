import fc from 'fast-check'
import { byteLevelPreTokenizer } from 'tokenizers'
import { byteLevelWords } from '../../../stages/shards/encoder.ts'
import { oddTexts, sentences } from './corpus.ts'

const scanner = byteLevelWords()
const library = byteLevelPreTokenizer(false, true)

function lengths(text: string): number[] {
  const bytes = Buffer.from(text)
  const all: number[] = []
  for (let at = 0; at < bytes.length;) {
    const end = scanner.wordEnd(bytes, at, bytes.length)
    all.push(end - at)
    at = end
  }
  return all
}

/** A byte-level piece has a character a byte. */
const lengthsByLibrary = (text: string) => library.preTokenizeString(text).map(([piece]) => piece.length)

test('words are those of the library on real text', async () => {
  const text = (await sentences(2)).join('\n\n')
  expect(lengths(text)).toEqual(lengthsByLibrary(text))
})

test.each(oddTexts)('words are those of the library in %j', (text) => {
  expect(lengths(text)).toEqual(lengthsByLibrary(text))
})

test('words are those of the library in random text of troublesome characters', () => {
  const pieces = [
    "'",
    "'s",
    "'ll",
    ' ',
    '  ',
    '\n',
    '\t',
    '\u0085',
    '\u00a0',
    '\ufeff',
    'a',
    'é',
    '1',
    '½',
    '!',
    '字',
    '👩',
    '\u0301',
  ]
  const text = fc.array(fc.oneof(fc.constantFrom(...pieces), fc.string({ unit: 'binary' })), {
    maxLength: 12,
  })
  fc.assert(
    fc.property(text, (parts) => {
      const joined = parts.join('').toWellFormed()
      expect(lengths(joined)).toEqual(lengthsByLibrary(joined))
    }),
    { numRuns: 500, seed: 1 },
  )
})
