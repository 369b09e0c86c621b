import fc from 'fast-check'
import { flags } from '../../scoring/metric.ts'
import { mtld, mtldMetric } from '../../scoring/mtld.ts'
import { readabilityNumbers } from './readability-numbers.ts'
import { documentOf, measured, packageText } from './texts.ts'

const wordsOf = (text: string): string[] => text.toLowerCase().match(/[a-z]+/g) ?? []

describe('mtld', () => {
  it.each(readabilityNumbers.map((row) => [row.file, row] as const))(
    'agrees with three programs on %s',
    (file, row) => {
      const words = wordsOf(packageText(file))
      expect(words).toHaveLength(row.tokens)
      expect(mtld(words)).toBeCloseTo(row.strict, 9)
      expect(mtld(words, { preset: 'lexicalrichness' })).toBeCloseTo(row.lexicalrichness, 9)
      expect(mtld(words, { preset: 'lexical-diversity' })).toBeCloseTo(row.lexicalDiversity, 9)
    },
  )

  it('counts a remainder as the part of a factor that it is', () => {
    // Forward: a b a ends no factor (ratio 2/3 < 0.72 does: one factor of three words), then c d as nothing.
    // Backward: d c a b a has ratio 4/5, which is (1 - 0.8) / 0.28 of a factor.
    expect(mtld(['a', 'b', 'a', 'c', 'd'])).toBeCloseTo((5 / 1 + 5 / (0.2 / 0.28)) / 2, 12)
  })

  it('ends a factor at a ratio of exactly 0.72 for LexicalRichness alone', () => {
    // 25 words, 18 of them different: forward the ratio is 18/25 at the 25th word, backward 19/26 at the last.
    const different = Array.from({ length: 18 }, (_, at) => `w${at}`)
    const words = [...different, ...different.slice(0, 7), 'last']
    const unended = 26 / ((1 - 19 / 26) / 0.28)
    expect(mtld(words, { preset: 'strict' })).toBeCloseTo(unended, 9)
    expect(mtld(words, { preset: 'lexicalrichness' })).toBeCloseTo((26 + unended) / 2, 9)
  })

  it('is the number of words where all are different, and 0 without words', () => {
    expect(mtld(['one', 'two', 'three'])).toBe(3)
    expect(mtld([])).toBe(0)
  })

  it('names its presets when asked for another', () => {
    expect(() => mtld(['a'], { preset: 'toString' as 'strict' })).toThrow(
      'mtld has no preset "toString"; its presets are strict, lexicalrichness, lexical-diversity.',
    )
  })
})

describe('the metric mtld', () => {
  it('measures any text as the regular expression cuts it into words', async () => {
    const gauge = await mtldMetric.open()
    const text = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 60 }),
      fc.string({ unit: fc.constantFrom(..."abABzZ \n.'-1_@[`{éÉſßıİK’日😀"), maxLength: 200 }),
    )
    fc.assert(
      fc.property(text, (text) => {
        const words = wordsOf(Buffer.from(text).toString())
        expect(gauge.measure(documentOf(text))).toBeCloseTo(mtld(words), 9)
      }),
      { numRuns: 2000 },
    )
  })

  it('flags what has no word, no complete factor, or mostly letters outside a to z', async () => {
    const gauge = await mtldMetric.open()
    expect(measured(gauge, documentOf('')).flags).toBe(flags.empty)
    expect(measured(gauge, documentOf('1984 ... 42'))).toEqual({ value: 0, flags: flags.empty })
    expect(measured(gauge, documentOf('The cat sat.'))).toEqual({ value: 3, flags: flags.censored })
    expect(measured(gauge, documentOf('the the the the'))).toEqual({ value: 2, flags: 0 })
    expect(measured(gauge, documentOf('Привет, мир')).flags).toBe(flags.empty | flags.foreign)
  })

  it('gives a document the same value whatever came before it', async () => {
    const texts = readabilityNumbers.slice(0, 6).map(({ file }) => packageText(file))
    const gauge = await mtldMetric.open()
    const first = texts.map((text) => gauge.measure(documentOf(text)))
    const again = [...texts].reverse().map((text) => gauge.measure(documentOf(text)))
    expect(again.reverse()).toEqual(first)
  })
})
