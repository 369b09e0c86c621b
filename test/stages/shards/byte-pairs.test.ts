import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { BPE, byteLevelPreTokenizer, Tokenizer } from 'tokenizers'
import { documentColumns } from '../../../schemas/documents.ts'
import { learnBytePairs } from '../../../stages/shards/byte-pairs.ts'
import { byteLevelWords } from '../../../stages/shards/encoder.ts'
import { alphabet, tokenizerJson } from '../../../stages/shards/tokenizer-json.ts'
import { WordCounts } from '../../../stages/shards/word-counts.ts'
import { batchesOf, sentences } from './corpus.ts'

function count(texts: readonly string[], limit?: number): WordCounts {
  const words = new WordCounts(byteLevelWords(), limit)
  for (const batch of batchesOf(texts)) words.add(documentColumns(batch).texts)
  return words
}

const mergesOf = (words: WordCounts, size: number) => {
  const { merges, symbols } = learnBytePairs(words, alphabet, size)
  return merges.map((pair) => pair.map((symbol) => Buffer.from(symbols[symbol]).toString('utf8')))
}

test('merges are those of the library on the same text, in the same order', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'gradus-byte-pairs-'))
  try {
    // The library trains line by line, so that one line it is.
    const text = (await sentences(4)).join(' ').replaceAll(/\s+/g, ' ')
    await writeFile(join(folder, 'corpus.txt'), text)
    const library = new Tokenizer(BPE.empty())
    library.setPreTokenizer(byteLevelPreTokenizer(false, true))
    library.train([join(folder, 'corpus.txt')])
    library.save(join(folder, 'library.json'))
    const { model } = JSON.parse(await readFile(join(folder, 'library.json'), 'utf8')) as {
      model: { merges: string[][] }
    }
    const own = JSON.parse(tokenizerJson(learnBytePairs(count([text]), alphabet, 2000))) as {
      model: { merges: string[] }
    }
    expect(own.model.merges).toHaveLength(2000 - 256)
    expect(own.model.merges).toEqual(model.merges.slice(0, 2000 - 256).map((pair) => pair.join(' ')))
  } finally {
    await rm(folder, { recursive: true })
  }
})

test('the words of Sennrich, Haddow & Birch give their merges, where ties leave no choice', () => {
  const words = [
    ['low', 5],
    ['lower', 2],
    ['newest', 6],
    ['widest', 3],
  ] as const
  const corpus = words.map(([word, count]) => ({ bytes: Buffer.from(word), count }))
  const { merges, symbols } = learnBytePairs(corpus, alphabet, 256 + 4)
  const made = merges.map((pair) => pair.map((symbol) => Buffer.from(symbols[symbol]).toString()).join(''))
  expect(made.slice(0, 2)).toEqual(['es', 'est'])
  expect(made.slice(2)).toEqual(['lo', 'low'])
})

test('overlapping pairs are merged from left to right, and of equals the lower symbols first', () => {
  // aaaaa: aa aa a, where (aa, a) and (aa, aa) occur alike.
  const { merges, symbols } = learnBytePairs([{ bytes: Buffer.from('aaaaa'), count: 3 }], alphabet, 300)
  expect(merges.map((pair) => pair.map((symbol) => symbols[symbol].length))).toEqual([
    [1, 1],
    [2, 1],
    [2, 3],
  ])
})

test('a pair that occurs once is not merged', () => {
  expect(learnBytePairs([{ bytes: Buffer.from('xyz'), count: 1 }], alphabet, 300).merges).toEqual([])
})

test('a smaller vocabulary is the first merges of a larger one', async () => {
  const words = count(await sentences(2))
  expect(mergesOf(words, 900).slice(0, 400)).toEqual(mergesOf(words, 656))
})

test('frequent words outlast the limit, and what is kept does not hang on batches', async () => {
  const texts = await sentences(4)
  const limited = count(texts, 1000)
  expect(limited.size).toBeLessThanOrEqual(1000)
  expect(limited.forgotten).toBeGreaterThan(0)
  const inBits = new WordCounts(byteLevelWords(), 1000)
  for (const batch of batchesOf(texts, 3)) inBits.add(documentColumns(batch).texts)
  const listed = (words: WordCounts) =>
    [...words].map(({ bytes, count }) => [Buffer.from(bytes).toString(), count])
  expect(listed(inBits)).toEqual(listed(limited))
  const all = new Map(listed(count(texts)) as [string, number][])
  const [word, times] = [...all].sort(([, a], [, b]) => b - a)[0]
  expect(new Map(listed(limited) as [string, number][]).get(word)).toBe(times)
})
