import { firstHash, firstSeed, secondHash, secondSeed, WordTable } from '../../scoring/word-table.ts'

function idOf(table: WordTable, word: string): number {
  let first = firstSeed
  let second = secondSeed
  for (const byte of Buffer.from(word)) {
    first = firstHash(first, byte)
    second = secondHash(second, byte)
  }
  return table.idOf(first, second)
}

describe('WordTable', () => {
  it('numbers each of many similar words once, in the order of first sight', () => {
    const table = new WordTable()
    const words = Array.from({ length: 200_000 }, (_, at) => `${at}`.padStart(9, 'ab'))
    expect(words.map((word) => idOf(table, word))).toEqual(words.map((_, at) => at))
    expect(words.map((word) => idOf(table, word))).toEqual(words.map((_, at) => at))
    expect(table.size).toBe(words.length)
  })

  it('tells apart words that are rearrangements of each other, or longer by a letter', () => {
    const table = new WordTable()
    const words = ['stop', 'pots', 'spot', 'tops', 'opts', 'stops', '', 's', 'ss', 'sss']
    expect(new Set(words.map((word) => idOf(table, word))).size).toBe(words.length)
  })

  it('starts again from 0 when cleared', () => {
    const table = new WordTable()
    idOf(table, 'whale')
    table.clear()
    expect([table.size, idOf(table, 'squid'), idOf(table, 'whale')]).toEqual([0, 0, 1])
  })
})
