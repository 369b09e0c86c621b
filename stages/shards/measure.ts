import { setImmediate } from 'node:timers/promises'
import type { RecordBatch } from 'apache-arrow'
import { documentColumns, type Utf8Column } from '../../schemas/documents.ts'
import type { MetricValues } from '../../schemas/scored.ts'
import { tokenLists } from '../../schemas/tokenized.ts'
import { UserError } from '../../schemas/user-error.ts'
import type { Gauge, ScoredDocument } from '../../scoring/metric.ts'
import { UncountedDocument } from '../../scoring/ngram-perplexity.ts'
import type { ChosenMetric } from './metric-entries.ts'
import { reasonOf } from './own-metric.ts'

/** Each metric measures so many documents before the next does: often enough for a pause, seldom enough to cost nothing. */
const rowsOfBlock = 256

export interface OpenMetric {
  readonly chosen: ChosenMetric
  readonly gauge: Gauge
}

/**
 * Measures a batch's documents by each metric.
 * @throws UserError where a metric of the user's own fails or gives what is no number.
 */
export async function measure(
  batch: RecordBatch,
  metrics: readonly OpenMetric[],
  signal: AbortSignal,
): Promise<MetricValues[]> {
  const { rows, texts, ids } = documentColumns(batch)
  const { offsets, values: tokens } = tokenLists(batch)
  const columns = metrics.map(() => ({ values: new Float64Array(rows), flags: new Uint8Array(rows) }))
  for (let from = 0; from < rows; from += rowsOfBlock) {
    // Measuring never waits for anything: without a pause neither an interrupt nor a progress bar would be seen.
    await setImmediate(undefined, { signal })
    const to = Math.min(rows, from + rowsOfBlock)
    const documents: ScoredDocument[] = []
    for (let row = from; row < to; row++) {
      documents.push(new Row(texts, row, tokens.subarray(offsets[row], offsets[row + 1])))
    }
    metrics.forEach(({ gauge, chosen: { file } }, metric) => {
      const { values, flags } = columns[metric]
      for (let row = from; row < to; row++) {
        const document = documents[row - from]
        if (file === undefined) values[row] = measureByBuiltIn(gauge, document, ids, row)
        else values[row] = measureByOwn(file, gauge, document, ids.text(row))
        flags[row] = gauge.flags
      }
    })
  }
  return columns
}

function measureByBuiltIn(gauge: Gauge, document: ScoredDocument, ids: Utf8Column, row: number): number {
  try {
    return gauge.measure(document)
  } catch (error) {
    if (!(error instanceof UncountedDocument)) throw error
    throw new UserError(
      `Document \`${ids.text(row)}\` is not in the n-gram counts that option \`ngrams\` of \`score\` names: run \`count-ngrams\` over the same input first.`,
    )
  }
}

/** What a gauge of the user's says of a document, if that can be kept in a column. */
function measureByOwn(file: string, gauge: Gauge, document: ScoredDocument, id: string): number {
  let value: unknown
  try {
    value = gauge.measure(document)
  } catch (error) {
    throw new UserError(`The metric in \`${file}\` failed on document \`${id}\`: ${reasonOf(error)}.`)
  }
  if (typeof value !== 'number' || !Number.isFinite(value)) {
    throw new UserError(
      `The metric in \`${file}\` measured ${shown(value)} for document \`${id}\`: let it return a finite number, and say in \`flags\` that it means nothing.`,
    )
  }
  const { flags } = gauge as { flags: unknown }
  if (!Number.isInteger(flags) || Number(flags) < 0 || Number(flags) > 0xff) {
    throw new UserError(
      `The gauge of the metric in \`${file}\` has the flags ${shown(flags)} after document \`${id}\`: let \`flags\` be a whole number from 0 to 255, and 0 for an ordinary measurement.`,
    )
  }
  return value
}

function shown(value: unknown): string {
  return typeof value === 'object' && value !== null
    ? `a ${value.constructor?.name ?? 'object'}`
    : String(value)
}

/** A document of a batch. Its text is decoded where a metric reads it, and for the metrics after it too. */
class Row implements ScoredDocument {
  readonly bytes: Uint8Array
  readonly tokens: ScoredDocument['tokens']
  readonly #texts: Utf8Column
  readonly #row: number
  #text: string | undefined

  constructor(texts: Utf8Column, row: number, tokens: ScoredDocument['tokens']) {
    this.bytes = texts.bytes(row)
    this.tokens = tokens
    this.#texts = texts
    this.#row = row
  }

  get text(): string {
    return (this.#text ??= this.#texts.text(this.#row))
  }
}
