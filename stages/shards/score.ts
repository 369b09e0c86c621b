import { setImmediate } from 'node:timers/promises'
import type { RecordBatch, Schema } from 'apache-arrow'
import { z } from 'zod'
import { documentColumns } from '../../schemas/documents.ts'
import { scoredBatch, scoredSchema } from '../../schemas/scored.ts'
import { tokenLists } from '../../schemas/tokenized.ts'
import type { Gauge } from '../../scoring/metric.ts'
import { metricNamed, metrics } from '../../scoring/metrics.ts'
import { defineStage } from '../stage.ts'

const rowsBetweenPauses = 256

export const score = defineStage({
  name: 'score',
  summary: 'Measure the difficulty of every document by one metric or several.',
  version: 1,
  accepts: ['tokenized'],
  emits: 'scored',
  options: z.strictObject({
    metrics: z
      .array(z.enum(metrics.map(({ name }) => name)))
      .min(1)
      .refine((names) => new Set(names).size === names.length, { error: 'A metric is named twice.' })
      .default(['compression-ratio', 'mtld', 'flesch'])
      .describe('Difficulty metrics, a column each'),
  }),
  async identity(options) {
    return { metrics: options.metrics.map(metricNamed).map(({ name, version }) => ({ name, version })) }
  },
  async *run(batches: AsyncIterable<RecordBatch>, { options, signal, stats }) {
    const columns = options.metrics.map(metricNamed)
    const gauges = await Promise.all(columns.map((metric) => metric.open()))
    let schema: Schema | undefined
    for await (const batch of batches) {
      schema ??= scoredSchema(batch.schema, columns)
      const values = await measure(batch, gauges, signal)
      stats.add('documents', batch.numRows)
      yield scoredBatch(schema, batch, values)
    }
  },
})

async function measure(batch: RecordBatch, gauges: readonly Gauge[], signal: AbortSignal) {
  const { rows, texts } = documentColumns(batch)
  const { offsets, values: ids } = tokenLists(batch)
  const columns = gauges.map((gauge) => ({
    gauge,
    values: new Float64Array(rows),
    flags: new Uint8Array(rows),
  }))
  for (let row = 0; row < rows; row++) {
    // Measuring never waits for anything: without a pause neither an interrupt nor a progress bar would be seen.
    if (row % rowsBetweenPauses === 0) await setImmediate(undefined, { signal })
    const tokens = ids.subarray(offsets[row], offsets[row + 1])
    const document = { text: texts.text(row), bytes: texts.bytes(row), tokens }
    for (const { gauge, values, flags } of columns) {
      values[row] = gauge.measure(document)
      flags[row] = gauge.flags
    }
  }
  return columns
}
