import { mkdtemp, rm, writeFile, readFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Tokenizer } from 'tokenizers'
import { tokenizerOf, tokenLists } from '../../../schemas/tokenized.ts'
import { encoderOf } from '../../../stages/shards/encoder.ts'
import { openTokenizer } from '../../../stages/shards/tokenizer-file.ts'
import { tokenize } from '../../../stages/shards/tokenize.ts'
import { WordEncoder } from '../../../stages/shards/word-encoder.ts'
import { batchesOf, collect, context, oddTexts, sentences, streamOf, train } from './corpus.ts'

let folder: string
let trained: string
let texts: string[]

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'gradus-encoder-'))
  trained = join(folder, 'tokenizer.json')
  texts = [...(await sentences()), ...oddTexts]
  await train(trained, texts, 1000)
})
afterAll(() => rm(folder, { recursive: true }))

/** A tokenizer.json with some of the trained one's members replaced. */
async function variant(name: string, changes: Record<string, unknown>): Promise<string> {
  const path = join(folder, `${name}.json`)
  await writeFile(
    path,
    JSON.stringify({ ...(JSON.parse(await readFile(trained, 'utf8')) as object), ...changes }),
  )
  return path
}

async function encode(tokenizer: string, rows?: number): Promise<number[][]> {
  const batches = await collect(tokenize.run(streamOf(batchesOf(texts, rows)), context({ tokenizer })))
  return batches.flatMap((batch) => {
    const { offsets, values } = tokenLists(batch)
    return Array.from({ length: batch.numRows }, (_, row) => [
      ...values.subarray(offsets[row], offsets[row + 1]),
    ])
  })
}

async function encodeByLibrary(tokenizer: string): Promise<number[][]> {
  const library = Tokenizer.fromFile(tokenizer)
  const encodings = await library.encodeBatch(texts, { addSpecialTokens: false })
  return encodings.map((encoding) => encoding.getIds())
}

test('ids are those of the library, text with special tokens and odd Unicode included', async () => {
  expect(await encode(trained)).toEqual(await encodeByLibrary(trained))
})

test('ids do not hang on how documents are cut into batches', async () => {
  expect(await encode(trained, 7)).toEqual(await encode(trained, 10_000))
})

test('special tokens that take the space beside them, or match whole words alone, do as in the library', async () => {
  const flags = { single_word: false, lstrip: false, rstrip: false, normalized: false, special: true }
  const path = await variant('added', {
    added_tokens: [
      { id: 0, content: '<|endoftext|>', ...flags },
      { id: 1000, content: '<|mask|>', ...flags, lstrip: true, rstrip: true },
      { id: 1001, content: 'Congress', ...flags, single_word: true, special: false },
      { id: 1002, content: 'é', ...flags },
    ],
  })
  texts.push('a <|mask|> b<|mask|>', 'Congress Congressional <|mask', 'café')
  expect(await encode(path)).toEqual(await encodeByLibrary(path))
})

const byteLevel = { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: true }
test.each<[string, Record<string, unknown>]>([
  ['a normalizer', { normalizer: { type: 'NFKC' } }],
  ['a space in front', { pre_tokenizer: { ...byteLevel, add_prefix_space: true } }],
  ['words of another regular expression', { pre_tokenizer: { ...byteLevel, use_regex: false } }],
  [
    'digits apart',
    {
      pre_tokenizer: {
        type: 'Sequence',
        pretokenizers: [{ type: 'Digits', individual_digits: true }, byteLevel],
      },
    },
  ],
])('a tokenizer with %s is left to the library', async (name, changes) => {
  const path = await variant(name, changes)
  expect(encoderOf(await openTokenizer(path))).not.toBeInstanceOf(WordEncoder)
  expect(await encode(path)).toEqual(await encodeByLibrary(path))
})

test('documents are encoded whole where the tokenizer says to truncate and pad', async () => {
  const path = await variant('truncating', {
    truncation: { direction: 'Right', max_length: 8, strategy: 'LongestFirst', stride: 0 },
    padding: {
      strategy: { Fixed: 16 },
      direction: 'Right',
      pad_to_multiple_of: null,
      pad_id: 0,
      pad_type_id: 0,
      pad_token: '<|endoftext|>',
    },
  })
  expect(await encode(path)).toEqual(await encodeByLibrary(trained))
})

test('ids take two bytes up to a vocabulary of 65,536 and four bytes past it', async () => {
  const flags = { single_word: false, lstrip: false, rstrip: false, normalized: false, special: true }
  for (const [tokens, bytes] of [
    [65_536, 2],
    [65_537, 4],
  ]) {
    const fillers = Array.from({ length: tokens - 1000 }, (_, n) => ({
      id: 1000 + n,
      content: `<|${n}|>`,
      ...flags,
    }))
    const path = await variant(`wide-${tokens}`, {
      added_tokens: [{ id: 0, content: '<|endoftext|>', ...flags }, ...fillers],
    })
    const last = `x<|${tokens - 1001}|>`
    const [batch] = await collect(tokenize.run(streamOf(batchesOf([last])), context({ tokenizer: path })))
    const { values } = tokenLists(batch)
    expect(values.BYTES_PER_ELEMENT).toBe(bytes)
    expect(values[values.length - 1]).toBe(tokens - 1)
    expect(tokenizerOf(batch.schema)).toMatchObject({ vocabulary: tokens, path })
  }
})

test('the stage counts by the tokenizer’s content, not by its path', async () => {
  const copy = await variant('copy', {})
  await writeFile(copy, await readFile(trained))
  const identity = async (path: string) => (await tokenize.columns?.({ tokenizer: path }))?.[0].identity
  expect(await identity(copy)).toEqual(await identity(trained))
  const other = await variant('other', { normalizer: { type: 'NFC' } })
  expect(await identity(other)).not.toEqual(await identity(trained))
})

test.each<[string, string | undefined, RegExp]>([
  ['missing', undefined, /There is no tokenizer at `.*missing\.json`/],
  ['no-json', 'hello', /no-json\.json` is not a tokenizer\.json/],
  ['no-tokenizer', '{"model": {}}', /no-tokenizer\.json` is not a tokenizer\.json/],
])('a %s tokenizer is refused in one sentence', async (name, content, message) => {
  const path = join(folder, `${name}.json`)
  if (content !== undefined) await writeFile(path, content)
  await expect(openTokenizer(path)).rejects.toMatchObject({
    name: 'UserError',
    message: expect.stringMatching(message) as string,
  })
})

test('a tokenizer that encodes at random is refused', async () => {
  const { model } = JSON.parse(await readFile(trained, 'utf8')) as { model: object }
  const path = await variant('dropout', { model: { ...model, dropout: 0.1 } })
  await expect(openTokenizer(path)).rejects.toThrow(/dropout is 0\.1/)
})

test('a token id that a batch cannot hold is refused, the largest that it can hold is not', async () => {
  const { model } = JSON.parse(await readFile(trained, 'utf8')) as { model: { vocab: object } }
  const withId = (id: number) =>
    variant(`id-${id}`, { model: { ...model, vocab: { ...model.vocab, unheard: id } } })
  await expect(openTokenizer(await withId(2 ** 31 - 1))).resolves.toHaveProperty('vocabulary', 2 ** 31)
  const path = await withId(2 ** 31)
  await expect(openTokenizer(path)).rejects.toMatchObject({
    name: 'UserError',
    message: `\`${path}\` has the token id 2147483648, and ids must be below 2147483648: give its tokens smaller ids.`,
  })
})
