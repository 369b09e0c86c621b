import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import fc from 'fast-check'
import { byteLevelPreTokenizer, Tokenizer } from 'tokenizers'
import { documentColumns } from '../../../schemas/documents.ts'
import { learnBytePairs } from '../../../stages/shards/byte-pairs.ts'
import { BytePairEncoder } from '../../../stages/shards/byte-pair-encoder.ts'
import { bytePairModel } from '../../../stages/shards/byte-pair-model.ts'
import { byteLevelWords } from '../../../stages/shards/encoder.ts'
import { alphabet, characters, tokenizerJson } from '../../../stages/shards/tokenizer-json.ts'
import { WordCounts } from '../../../stages/shards/word-counts.ts'
import { batchesOf, sentences, train } from './corpus.ts'

/** Our encoder beside the library, which takes every text for one word. */
function encodersOf(json: string) {
  const model = bytePairModel((JSON.parse(json) as { model: object }).model)
  if (!model) throw new Error('The model is not one of byte pairs.')
  const library = Tokenizer.fromString(json)
  library.setPreTokenizer(byteLevelPreTokenizer(false, false))
  const encoder = new BytePairEncoder(model)
  return {
    ours: (word: Uint8Array) => [...encoder.encode(word, 0, word.length)],
    library: async (word: string) => (await library.encode(word, null, { addSpecialTokens: false })).getIds(),
  }
}

async function expectSame(json: string, words: readonly string[]): Promise<void> {
  const { ours, library } = encodersOf(json)
  for (const word of words) expect([word, ours(Buffer.from(word))]).toEqual([word, await library(word)])
}

/** A tokenizer.json of merges in the order given, each of two names. */
function tokenizerOf(merges: readonly (readonly [string, string])[], changes: object = {}): string {
  const names = new Set([...characters, ...merges.map(([left, right]) => left + right)])
  const json = JSON.parse(tokenizerJson({ merges: [], symbols: [] })) as { model: object }
  const vocab = Object.fromEntries([...names].map((name, id) => [name, id]))
  const model = { ...json.model, vocab, merges: merges.map((pair) => pair.join(' ')), ...changes }
  return JSON.stringify({ ...json, added_tokens: [], model })
}

/** Merges of names that are there already, in any order: also such as no training would give. */
const mergeLists = fc
  .tuple(
    fc.array(fc.tuple(fc.nat(), fc.nat()), { minLength: 1, maxLength: 14 }),
    fc.array(fc.nat(), { minLength: 14, maxLength: 14 }),
  )
  .map(([picks, order]) => {
    const names = ['a', 'b', 'c']
    const merges = new Map<string, readonly [string, string]>()
    for (const [left, right] of picks) {
      const pair = [names[left % names.length], names[right % names.length]] as const
      if (pair.join('').length > 9 || merges.has(pair.join(' '))) continue
      merges.set(pair.join(' '), pair)
      names.push(pair.join(''))
    }
    const all = [...merges.values()]
    return all
      .map((merge, i) => ({ merge, place: order[i] % 5 }))
      .sort((a, b) => a.place - b.place)
      .map(({ merge }) => merge)
  })

test('any merges in any order give the ids of the library', async () => {
  const word = fc.string({ unit: fc.constantFrom('a', 'b', 'c'), minLength: 1, maxLength: 60 })
  await fc.assert(
    fc.asyncProperty(mergeLists, fc.array(word, { minLength: 1, maxLength: 12 }), (merges, words) =>
      expectSame(tokenizerOf(merges), words),
    ),
    { numRuns: 400 },
  )
})

test('merges of one letter give the ids of the library, for words of any number of it', async () => {
  const lengths = [[2], [3], [2, 3], [3, 2], [2, 3, 5], [5, 3, 2], [2, 4, 8, 16], [2, 4, 6, 12], [2, 3, 7]]
  for (const sizes of lengths) {
    const reachable = [1]
    const merges: [string, string][] = []
    // Every way to make one length of two others.
    for (const size of [...sizes].sort((a, b) => a - b)) {
      for (const left of reachable) {
        const right = size - left
        if (reachable.includes(right)) merges.push(['a'.repeat(left), 'a'.repeat(right)])
      }
      reachable.push(size)
    }
    const json = tokenizerOf(
      merges.sort(([a, b], [c, d]) => sizes.indexOf((a + b).length) - sizes.indexOf((c + d).length)),
    )
    await expectSame(
      json,
      Array.from({ length: 70 }, (_, n) => 'a'.repeat(n + 1)),
    )
  }
})

test('a token that its own text does not become is never given', async () => {
  // abc would need bc, which ab comes before.
  const merges = [
    ['a', 'b'],
    ['b', 'c'],
    ['a', 'bc'],
  ] as const
  const { ours } = encodersOf(tokenizerOf(merges))
  const id = (name: string) => [...characters, 'ab', 'bc', 'abc'].indexOf(name)
  expect(ours(Buffer.from('abc'))).toEqual([id('ab'), id('c')])
  await expectSame(tokenizerOf(merges), ['abc', 'abcabc', 'bcabc', 'aabcc'])
})

describe('tokenizers that were trained', () => {
  let texts: string[]
  let json: Record<number, string>
  beforeAll(async () => {
    texts = await sentences(3)
    const words = new WordCounts(byteLevelWords())
    for (const batch of batchesOf([...texts, 'aaaaaaaaa '.repeat(9), '====== '.repeat(9)])) {
      words.add(documentColumns(batch).texts)
    }
    json = {
      300: tokenizerJson(learnBytePairs(words, alphabet, 300)),
      4000: tokenizerJson(learnBytePairs(words, alphabet, 4000)),
    }
  })

  test.each([300, 4000])('with %d symbols give the ids of the library, whatever the word', async (size) => {
    await expectSame(json[size], [
      ...texts,
      ...[1, 7, 64, 5001].flatMap((length) =>
        ['a', '=', 'e', 'é', '語', '👩'].map((one) => one.repeat(length)),
      ),
      ...[10, 1000, 30_000].map((length) => randomBytes(length).toString('base64')),
      ...[10, 1000, 30_000].map((length) =>
        randomBytes(length)
          .toString('base64')
          .replace(/[^a-z]/gi, ''),
      ),
      texts.join('').replace(/[^a-z]/gi, ''),
    ])
  })

  test('any Unicode text gives the ids of the library', async () => {
    const { ours, library } = encodersOf(json[4000])
    await fc.assert(
      fc.asyncProperty(fc.string({ unit: 'binary', minLength: 1, maxLength: 40 }), async (word) =>
        expect(ours(Buffer.from(word))).toEqual(await library(word)),
      ),
    )
  })
})

test.each([
  ['another kind of model', { type: 'WordLevel' }],
  ['words that are looked up before they are merged', { ignore_merges: true }],
  ['a mark at the end of words', { end_of_word_suffix: '</w>' }],
  ['a mark within words', { continuing_subword_prefix: '##' }],
  ['a byte without a token', { vocab: { a: 0, b: 1, ab: 2 } }],
  [
    'two tokens of one id',
    { vocab: Object.fromEntries([...characters, 'ab'].map((name, id) => [name, id % 256])) },
  ],
  ['a merge of what is no token', { merges: ['a b', 'ab c'] }],
])('a model with %s is left to the library', (_, changes) => {
  const { model } = JSON.parse(tokenizerOf([['a', 'b']], changes)) as { model: object }
  expect(bytePairModel(model)).toBeUndefined()
})

test('a word of 10 MB takes less than 20 bytes a byte', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'gradus-long-word-'))
  try {
    const tokenizer = join(folder, 'tokenizer.json')
    await train(tokenizer, await sentences(2), 1000)
    const of = (path: string) => fileURLToPath(new URL(`../../../dist/${path}`, import.meta.url))
    const script = `
      const { encoderOf } = await import(${JSON.stringify(of('stages/shards/encoder.js'))})
      const { openTokenizer } = await import(${JSON.stringify(of('stages/shards/tokenizer-file.js'))})
      const { documentColumns, documentsBatch } = await import(${JSON.stringify(of('schemas/documents.js'))})
      const letters = Buffer.alloc(1e7)
      for (let i = 0, x = 1; i < 1e7; i++) letters[i] = 97 + ((x = (Math.imul(x, 1664525) + 1013904223) >>> 0) >>> 24) % 26
      const { texts } = documentColumns(
        documentsBatch({ texts: [letters.toString()], ids: [''], sources: [''], positions: [0] }))
      const encoder = encoderOf(await openTokenizer(${JSON.stringify(tokenizer)}))
      const before = process.resourceUsage().maxRSS
      const { values } = await encoder.encode(texts)
      console.log(JSON.stringify({ tokens: values.length, kilobytes: process.resourceUsage().maxRSS - before }))`
    const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', script], {
      env: { ...process.env, NODE_OPTIONS: '' },
    })
    const { tokens, kilobytes } = JSON.parse(stdout) as { tokens: number; kilobytes: number }
    expect(tokens).toBeGreaterThan(1e6)
    expect((kilobytes * 1024) / 1e7).toBeLessThan(20)
  } finally {
    await rm(folder, { recursive: true })
  }
})
