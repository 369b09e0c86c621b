import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Tokenizer } from 'tokenizers'
import { trainTokenizer } from '../../../stages/shards/train-tokenizer.ts'
import { oddTexts, sentences, train } from './corpus.ts'

let folder: string
let texts: string[]

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'gradus-train-tokenizer-'))
  texts = await sentences(4)
})
afterAll(() => rm(folder, { recursive: true }))

test('the same text gives the same bytes, however it is cut into batches', async () => {
  const [one, other] = [join(folder, 'one.json'), join(folder, 'other.json')]
  await train(one, texts, 700)
  await train(other, texts, 700, 11)
  expect(await readFile(other, 'utf8')).toBe(await readFile(one, 'utf8'))
})

test('the library reads it, and gives back every text that it encodes', async () => {
  const path = join(folder, 'new', 'folder', 'tokenizer.json')
  expect(await train(path, texts, 700)).toEqual([])
  const tokenizer = Tokenizer.fromFile(path)
  expect(tokenizer.getVocabSize(true)).toBe(700)
  expect(tokenizer.tokenToId('<|endoftext|>')).toBe(0)
  for (const text of [...texts.slice(0, 20), ...oddTexts]) {
    const ids = (await tokenizer.encode(text, null, { addSpecialTokens: false })).getIds()
    expect(await tokenizer.decode(ids, false)).toBe(text)
  }
  expect(await readdir(join(folder, 'new', 'folder'))).toEqual(['tokenizer.json'])
})

test('a vocabulary of 257 is end of text and the bytes', async () => {
  const path = join(folder, 'bytes.json')
  await train(path, texts, 257)
  const encoding = await Tokenizer.fromFile(path).encode('é!', null, { addSpecialTokens: false })
  expect(encoding.getLength()).toBe(3)
  expect(() => trainTokenizer.options.parse({ to: path, vocabulary: 256 })).toThrow(/at least 257 tokens/)
})

test('fewer tokens than asked for are reported', async () => {
  const told = await train(join(folder, 'few.json'), ['low low low lower lower'], 1000)
  // low, lower, " low", " lower": lo low er " low" " lower" and the like, each from a pair that occurs twice.
  expect(told).toEqual([expect.stringMatching(/a vocabulary of 26\d tokens and not 1000/)])
})

test('an input without text is refused, and nothing is written', async () => {
  await expect(train(join(folder, 'none.json'), ['', ''], 300)).rejects.toThrow(/has no text/)
  expect(await readdir(folder)).not.toContain('none.json')
})
