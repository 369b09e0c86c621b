import { hyphenationPoints } from '../../scoring/hyphenation.ts'

describe('hyphenationPoints', () => {
  // Positions that pyphen gives with its en_US dictionary.
  it.each<[string, number[]]>([
    ['hyphenation', [2, 6]],
    ['a', []],
    ['be', []],
    ['sovereignties', [9]],
    ['inconsiderable', [2, 5, 8, 10]],
    ['considerateness', [3, 6, 8, 11]],
    ['antecedently', [2, 10]],
    ['quicklyflowing', [5, 11]],
    ['unostentatious', [2, 4, 7, 9]],
    ['thraldom', [5]],
    ['naïveté', []],
    ['1861insurrection', [6, 9, 12]],
    ["mckinley's", [5]],
    ['zzzz', []],
    ['associate', [2, 4]],
    ['project', []],
    ['present', []],
    ['reenforcements', [4, 9]],
    ['adrianople', [4]],
    ['whale', []],
    ['supercalifragilisticexpialidocious', [2, 5, 8, 13, 17, 20, 22, 24, 27, 29]],
    ['prestidigitator', [4, 9, 10, 12]],
  ])('breaks %s where pyphen does', (word, points) => {
    expect(hyphenationPoints(word)).toEqual(points)
  })

  it('counts positions in characters, not in UTF-16 units', () => {
    expect(hyphenationPoints('𝒜𝒜hyphenation')).toEqual(hyphenationPoints('ééhyphenation'))
  })
})
