import type { RecordBatch } from 'apache-arrow'
import { mkdir } from 'node:fs/promises'
import { dirname } from 'node:path'
import { z } from 'zod'
import { documentColumns } from '../../schemas/documents.ts'
import { UserError } from '../../schemas/user-error.ts'
import { defineStage } from '../stage.ts'
import { replaceFile } from '../replace-file.ts'
import { learnBytePairs } from './byte-pairs.ts'
import { byteLevelWords } from './encoder.ts'
import { alphabet, tokenizerJson } from './tokenizer-json.ts'
import { WordCounts } from './word-counts.ts'

/** `<|endoftext|>` and the 256 bytes. */
const leastVocabulary = 257

export const trainTokenizer = defineStage({
  name: 'train-tokenizer',
  summary: 'Train a byte-level BPE tokenizer on the documents and save it as tokenizer.json.',
  version: 1,
  accepts: ['documents'],
  options: z.strictObject({
    to: z.string().describe('Path of the tokenizer.json to write').meta({ cosmetic: true }),
    vocabulary: z
      .int()
      .min(leastVocabulary, { error: `A byte-level vocabulary has at least ${leastVocabulary} tokens.` })
      .max(2 ** 24)
      .default(4096)
      .describe('Tokens: <|endoftext|>, the 256 bytes, and as many merges as make up the rest'),
  }),
  // eslint-disable-next-line require-yield -- a sink
  async *run(batches: AsyncIterable<RecordBatch>, { options, signal, stats, log }) {
    const words = new WordCounts(byteLevelWords())
    for await (const batch of batches) {
      signal.throwIfAborted()
      words.add(documentColumns(batch).texts)
      stats.add('documents', batch.numRows)
    }
    if (words.size === 0) {
      throw new UserError(
        `The input has no text to train \`${options.to}\` on: check the paths that are read.`,
      )
    }
    if (words.forgotten > 0) log(`The tokenizer is trained without ${words.forgotten} of the rarest words.`)
    const pairs = learnBytePairs(words, alphabet, options.vocabulary - 1)
    const vocabulary = pairs.symbols.length + 1
    if (vocabulary < options.vocabulary) {
      log(
        `The documents yield a vocabulary of ${vocabulary} tokens and not ${options.vocabulary}: no other pair occurs twice.`,
      )
    }
    await mkdir(dirname(options.to), { recursive: true })
    await replaceFile(options.to, (file) => file.writeFile(tokenizerJson(pairs)))
    stats.set('vocabulary', vocabulary)
  },
})
