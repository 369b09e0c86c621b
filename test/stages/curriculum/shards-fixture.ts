import { createHash } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { documentColumns } from '../../../schemas/documents.ts'
import { tokenLists } from '../../../schemas/tokenized.ts'
import { openShards } from '../../../stages/shards/open-shards.ts'
import type { StageContext } from '../../../stages/stage.ts'
import { paragraphs, type ScoredUnit, scoreUnits, train } from '../shards/corpus.ts'

/** The sentences of the first State of the Union addresses: some 60 an address, of all lengths. */
export async function sentences(addresses: number): Promise<string[]> {
  return (await paragraphs(addresses)).flatMap((text) => text.split(/(?<=[.!?]) +/))
}

export interface ShardsOptions {
  readonly heldOut?: number
  readonly metrics?: string[]
  /** File that each unit is from. */
  readonly sources?: readonly string[]
}

/** Scores texts, in units, into a new folder with a tokenizer of its own. */
export async function makeShards(
  units: readonly (readonly string[])[],
  { sources, ...options }: ShardsOptions = {},
) {
  const folder = await mkdtemp(join(tmpdir(), 'gradus-curriculum-'))
  const shards = join(folder, 'shards')
  const tokenizer = join(folder, 'tokenizer.json')
  await train(tokenizer, units.flat(), 600)
  const keyed = units.map((texts, index): ScoredUnit => ({
    key: `${index}`,
    texts,
    ...(sources && { source: sources[index] }),
  }))
  await scoreUnits(keyed, { to: shards, tokenizer, ...options })
  return {
    shards,
    rescore: (changed: readonly ScoredUnit[]) => scoreUnits(changed, { to: shards, tokenizer, ...options }),
    remove: () => rm(folder, { recursive: true }),
  }
}

export interface Document {
  readonly part: number
  readonly row: number
  readonly text: string
  readonly tokens: readonly number[]
  readonly heldOut: boolean
}

/** All documents of shards, read as they were written; whether each is held out is worked out from its text anew. */
export async function readDocuments(folder: string): Promise<Document[]> {
  const shards = await openShards(folder)
  const documents: Document[] = []
  for (const { part } of shards.parts) {
    for await (const { firstRow, batch } of shards.documents(part)) {
      const { offsets, values } = tokenLists(batch)
      const { texts } = documentColumns(batch)
      for (let i = 0; i < batch.numRows; i++) {
        const text = texts.text(i)
        const first32 = createHash('sha256').update(text).digest().readUInt32BE(0)
        documents.push({
          part,
          row: firstRow + i,
          text,
          tokens: [...values.subarray(offsets[i], offsets[i + 1])],
          heldOut: first32 < shards.heldOut * 2 ** 32,
        })
      }
    }
  }
  return documents
}

/** A context that keeps what a stage counts and says. */
export function recordingContext<Options>(options: Options) {
  const counts: Record<string, number> = {}
  const sentences: string[] = []
  const add = (name: string, amount: number) => (counts[name] = (counts[name] ?? 0) + amount)
  const context: StageContext<Options> = {
    options,
    signal: new AbortController().signal,
    stats: {
      add,
      drop: (reason, rows) => add(`dropped: ${reason}`, rows),
      set: (gauge, value) => (counts[gauge] = value),
      expect: (counter, total) => (counts[`expected ${counter}`] = total),
    },
    log: (sentence) => void sentences.push(sentence),
  }
  return { context, counts, sentences }
}
