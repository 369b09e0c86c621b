import { createHash } from 'node:crypto'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
// Its Arrow implementation is Rust and shares no code with the one that writes our files.
import polars, { type DataFrame } from 'nodejs-polars'
import { Tokenizer } from 'tokenizers'
import { compressionRatio } from '../../../scoring/compression-ratio.ts'
import { partFiles } from '../../../schemas/manifest.ts'
import { oddTexts, scoreUnits, sentences, train } from './corpus.ts'

let folder: string
let texts: string[]
let documents: DataFrame
let scores: DataFrame
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'gradus-polars-'))
  const tokenizer = join(folder, 'tokenizer.json')
  // More rows than a record batch holds.
  const clauses = (await sentences(40)).flatMap((text) => text.split(/(?<=[,;])/))
  texts = [...clauses.slice(0, 4500), ...oddTexts]
  expect(texts.length).toBeGreaterThan(4096)
  await train(tokenizer, texts, 900)
  const metrics = ['compression-ratio', 'mtld']
  await scoreUnits([{ key: 'a', texts }], { to: folder, tokenizer, metrics, heldOut: 0 })
  const files = partFiles(0)
  documents = polars.readIPC(await readFile(join(folder, files.tokens)))
  scores = polars.readIPC(await readFile(join(folder, files.scores)))
})
afterAll(() => rm(folder, { recursive: true }))

const hashOf = (text: string) => createHash('sha256').update(text).digest().readBigUInt64BE()

test('Polars reads the documents that were written, with the ids of the tokenizers library', async () => {
  expect(documents.columns).toEqual(['hash', 'id', 'text', 'source', 'position', 'tokens'])
  expect(documents.getColumn('text').toArray()).toEqual(texts)
  expect(documents.getColumn('hash').toArray()).toEqual(texts.map(hashOf))
  expect(documents.getColumn('position').toArray()).toEqual(texts.map((_, row) => row))
  const library = Tokenizer.fromFile(join(folder, 'tokenizer.json'))
  const ids = (await library.encodeBatch(texts, { addSpecialTokens: false })).map((one) => one.getIds())
  expect(
    documents
      .getColumn('tokens')
      .toArray()
      .map((list) => [...(list as Iterable<number>)]),
  ).toEqual(ids)
})

test('Polars reads the scores, row for row of the same documents', () => {
  expect(scores.columns.slice(0, 3)).toEqual(['hash', 'bytes', 'tokens'])
  expect(scores.getColumn('hash').toArray()).toEqual(texts.map(hashOf))
  expect(scores.getColumn('bytes').toArray()).toEqual(texts.map((text) => Buffer.byteLength(text)))
  expect(scores.getColumn('tokens').toArray()).toEqual(
    documents
      .getColumn('tokens')
      .toArray()
      .map((list) => [...(list as Iterable<number>)].length),
  )
  expect(scores.getColumn('compression-ratio').toArray()).toEqual(texts.map((text) => compressionRatio(text)))
  expect(scores.getColumn('mtld:flags').toArray()).toHaveLength(texts.length)
})
