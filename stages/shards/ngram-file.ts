import { Field, makeData, RecordBatch, Schema, Struct, Uint32, Uint8, type Data } from 'apache-arrow'
import { z } from 'zod'
import { UserError } from '../../schemas/user-error.ts'
import { NgramCounts, type NgramOrder } from '../../scoring/ngram-counts.ts'
import { fileHash } from '../file-hash.ts'
import { ArrowFileWriter } from './arrow-file-writer.ts'
import { readArrowFile, readArrowSchema } from './arrow-file-reader.ts'

const metadataKey = 'gradus.ngrams'
const rowsPerBatch = 1 << 16

const factsSchema = z.object({
  order: z.union([z.literal(1), z.literal(2), z.literal(3)]),
  /** Token ids are below this. */
  vocabulary: z.int(),
  /** Id that stands before a document's first token and after its last. */
  endOfText: z.int(),
  /** Tokens counted, an end of text a document included. */
  tokens: z.number(),
  /** SHA-256 of the tokenizer, in hex. */
  tokenizer: z.string(),
  /** What was counted: equal keys mean equal counts. */
  key: z.string(),
})

/** What a file of n-gram counts is about. */
export type NgramFacts = Readonly<z.output<typeof factsSchema>>

const columns = [
  new Field('length', new Uint8(), false),
  new Field('first', new Uint32(), false),
  new Field('second', new Uint32(), false),
  new Field('third', new Uint32(), false),
  new Field('count', new Uint32(), false),
]

/**
 * Writes all tokens, and longer n-grams that occur `least` times or more: an Arrow file with a row each, of its length,
 * its token ids (0 past its length) and its count.
 */
export async function writeNgrams(
  path: string,
  counts: NgramCounts,
  about: Pick<NgramFacts, 'tokenizer' | 'key'>,
  least: number,
): Promise<void> {
  const { order, vocabulary, endOfText, tokens } = counts
  const facts: NgramFacts = { order, vocabulary, endOfText, tokens, ...about }
  const schema = new Schema(columns, new Map([[metadataKey, JSON.stringify(facts)]]))
  const file = await ArrowFileWriter.create(path, schema)
  try {
    for (const batch of batchesOf(schema, counts, least)) await file.write(batch)
    await file.finish()
  } catch (error) {
    await file.discard()
    throw error
  }
}

/** Adds the counts of a file to `counts`, which are over the same vocabulary. */
export async function addNgrams(path: string, counts: NgramCounts): Promise<void> {
  counts.tokens += (await readNgramFacts(path)).tokens
  for await (const batch of readArrowFile(path)) {
    const [lengths, firsts, seconds, thirds, times] = batch.data.children.map(
      ({ values }) => values as Uint32Array,
    )
    for (let row = 0; row < batch.numRows; row++) {
      const length = lengths[row] as NgramOrder
      let ngram = firsts[row]
      if (length === 2) ngram = counts.bigram(ngram, seconds[row])
      else if (length === 3) ngram = counts.trigram(ngram, seconds[row], thirds[row])
      counts.increase(length, ngram, times[row])
    }
  }
}

/** @throws UserError where the file is damaged or holds something else. */
export async function readNgramFacts(path: string): Promise<NgramFacts> {
  const json = (await readArrowSchema(path)).metadata.get(metadataKey)
  const facts = factsSchema.safeParse(json === undefined ? undefined : JSON.parse(json))
  if (facts.success) return facts.data
  throw new UserError(`\`${path}\` holds no n-gram counts: name a file that \`count-ngrams\` wrote.`)
}

/** The counts of the file that was opened last. They change no more, and each unit of a run asks for them again. */
let opened: { readonly sha256: string; readonly counts: NgramCounts } | undefined

/** Loads a file of counts. @throws UserError where there is none, it is damaged or it holds something else. */
export async function openNgrams(path: string): Promise<{ facts: NgramFacts; counts: NgramCounts }> {
  const sha256 = await ngramFileHash(path)
  const facts = await readNgramFacts(path)
  if (opened?.sha256 !== sha256) {
    opened = undefined
    const counts = new NgramCounts({ ...facts, mostNgrams: Infinity })
    await addNgrams(path, counts)
    opened = { sha256, counts }
  }
  return { facts, counts: opened.counts }
}

/** SHA-256 of a file of counts, in hex. @throws UserError where there is none. */
export async function ngramFileHash(path: string): Promise<string> {
  try {
    return await fileHash(path)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    throw new UserError(
      `The n-gram counts at \`${path}\` cannot be read (${code}): name in option \`ngrams\` a file that \`count-ngrams\` wrote.`,
    )
  }
}

function* batchesOf(schema: Schema, counts: NgramCounts, least: number): Generator<RecordBatch> {
  const { vocabulary } = counts
  for (const length of [1, 2, 3] as const) {
    if (length > counts.order) return
    const ngrams: number[] = []
    const times: number[] = []
    counts.forEach(length, (ngram, count) => {
      if (length > 1 && count < least) return
      ngrams.push(ngram)
      times.push(count)
    })
    for (let from = 0; from < ngrams.length; from += rowsPerBatch) {
      const some = ngrams.slice(from, from + rowsPerBatch)
      /** The token `place` from the end of each n-gram: 0 for the last. */
      const token = (place: number) =>
        Uint32Array.from(some, (ngram) => Math.floor(ngram / vocabulary ** place) % vocabulary)
      const ids = [0, 1, 2].map((at) => (at < length ? token(length - 1 - at) : new Uint32Array(some.length)))
      const count = Uint32Array.from(times.slice(from, from + rowsPerBatch))
      yield batchOf(schema, [new Uint8Array(some.length).fill(length), ...ids, count])
    }
  }
}

function batchOf(schema: Schema, values: readonly (Uint8Array | Uint32Array)[]): RecordBatch {
  const { length } = values[0]
  const children = values.map((data): Data =>
    data instanceof Uint8Array
      ? makeData({ type: new Uint8(), length, nullCount: 0, data })
      : makeData({ type: new Uint32(), length, nullCount: 0, data }),
  )
  const type = new Struct(schema.fields)
  return new RecordBatch(schema, makeData({ type, length, nullCount: 0, children }))
}
