import type { RecordBatch } from 'apache-arrow'
import { z } from 'zod'
import { documentColumns } from '../../schemas/documents.ts'
import { tokenizedBatch, tokenizedSchema } from '../../schemas/tokenized.ts'
import { defineStage } from '../stage.ts'
import { type Encoder, encoderOf } from './encoder.ts'
import { openTokenizer, tokenizerHash } from './tokenizer-file.ts'

/** Encoders that nothing uses now, by their tokenizer's hash: a run's units share the words that have been encoded. */
const idle = new Map<string, Encoder>()

export const tokenize = defineStage({
  name: 'tokenize',
  summary: 'Encode document text as token ids.',
  version: 1,
  accepts: ['documents'],
  emits: 'tokenized',
  options: z.strictObject({
    tokenizer: z.string().describe("Path of a tokenizer.json of Hugging Face's format"),
  }),
  async columns({ tokenizer: path }) {
    const sha256 = await tokenizerHash(path)
    return [{ name: 'tokens', madeFrom: [], identity: { tokenizer: sha256 }, companion: { path, sha256 } }]
  },
  async *run(batches: AsyncIterable<RecordBatch>, { options, signal, stats }) {
    const file = await openTokenizer(options.tokenizer)
    const encoder = idle.get(file.sha256) ?? encoderOf(file)
    idle.delete(file.sha256)
    const schema = tokenizedSchema({ sha256: file.sha256, vocabulary: file.vocabulary, path: file.path })
    try {
      for await (const batch of batches) {
        signal.throwIfAborted()
        const lists = await encoder.encode(documentColumns(batch).texts)
        stats.add('documents', batch.numRows)
        stats.add('tokens', lists.values.length)
        yield tokenizedBatch(schema, batch, lists)
      }
    } finally {
      idle.set(file.sha256, encoder)
    }
  },
})
