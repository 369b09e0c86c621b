import type { RecordBatch, Schema } from 'apache-arrow'
import { z } from 'zod'
import { scoredBatch, scoredSchema } from '../../schemas/scored.ts'
import { tokenizerOf } from '../../schemas/tokenized.ts'
import { UserError } from '../../schemas/user-error.ts'
import type { NgramCounts, NgramOrder } from '../../scoring/ngram-counts.ts'
import { defineStage } from '../stage.ts'
import { measure, type OpenMetric } from './measure.ts'
import {
  chooseMetrics,
  columnNames,
  type MetricEntry,
  metricEntry,
  needsNgrams,
  ownFile,
} from './metric-entries.ts'
import { ngramFileHash, openNgrams } from './ngram-file.ts'

export const score = defineStage({
  name: 'score',
  summary: 'Measure the difficulty of every document by one metric or several.',
  version: 1,
  accepts: ['tokenized'],
  emits: 'scored',
  options: z
    .strictObject({
      metrics: z
        .array(metricEntry)
        .min(1)
        .refine((entries) => new Set(columnNames(entries)).size === entries.length, {
          error: 'a metric is named twice',
        })
        .default(['compression-ratio', 'mtld', 'flesch'])
        .describe(
          'Difficulty metrics, a column each: names, {name: options}, or files with a metric of your own',
        ),
      ngrams: z
        .string()
        .optional()
        .describe('File of counts that count-ngrams wrote, for the metric ngram-perplexity'),
    })
    .refine(({ metrics, ngrams }) => ngrams !== undefined || !metrics.some(needsNgrams), {
      path: ['ngrams'],
      error: 'it is needed by ngram-perplexity',
    }),
  async columns({ metrics, ngrams }) {
    const chosen = await chooseMetrics(metrics, () => Promise.reject(new Error('Nothing is measured here.')))
    const needCounts = metrics.map(needsNgrams)
    const counts = ngrams !== undefined && needCounts.includes(true) ? await ngramFileHash(ngrams) : undefined
    return chosen.map(({ identity, metric, needsTokens }, index) => ({
      name: metric.name,
      madeFrom: needsTokens ? ['tokens'] : [],
      identity: needCounts[index] ? { ...identity, ngrams: counts } : identity,
    }))
  },
  remarks: ({ metrics }) =>
    metrics.flatMap((entry, index) => {
      const file = ownFile(entry)
      if (file === undefined) return []
      return [{ path: ['metrics', index], message: `This graph runs code of your own, \`${file}\`.` }]
    }),
  async *run(batches: AsyncIterable<RecordBatch>, { options, signal, stats, kept }) {
    let schema: Schema | undefined
    let metrics: OpenMetric[] = []
    for await (const batch of batches) {
      if (!schema) {
        metrics = await openMetrics(options, tokenizerOf(batch.schema).sha256, kept?.columns ?? [])
        schema = scoredSchema(
          batch.schema,
          metrics.map(({ chosen }) => chosen.metric),
        )
      }
      const values = await measure(batch, metrics, signal)
      stats.add('documents', batch.numRows)
      yield scoredBatch(schema, batch, values)
    }
  },
})

interface ScoreOptions {
  readonly metrics: readonly MetricEntry[]
  readonly ngrams?: string | undefined
}

/** Opens the metrics whose columns are not kept from an earlier run. */
async function openMetrics(
  { metrics, ngrams = '' }: ScoreOptions,
  tokenizer: string,
  kept: readonly string[],
): Promise<OpenMetric[]> {
  const chosen = await chooseMetrics(metrics, (order) => openCounts(ngrams, order, tokenizer))
  const missing = chosen.filter(({ metric }) => !kept.includes(metric.name))
  return Promise.all(missing.map(async (chosen) => ({ chosen, gauge: await chosen.metric.open() })))
}

/** @throws UserError where the counts are of other tokens, or of shorter n-grams than asked for. */
async function openCounts(path: string, order: NgramOrder, tokenizer: string): Promise<NgramCounts> {
  const { facts, counts } = await openNgrams(path)
  if (facts.tokenizer !== tokenizer) {
    throw new UserError(
      `The n-gram counts in \`${path}\` are of another tokenizer: run \`count-ngrams\` with the one that the documents are encoded by.`,
    )
  }
  if (facts.order < order) {
    throw new UserError(
      `The n-gram counts in \`${path}\` go up to ${facts.order} tokens, and \`ngram-perplexity\` asks for ${order}: raise \`order\` of \`count-ngrams\`, or lower that of the metric.`,
    )
  }
  return counts
}
