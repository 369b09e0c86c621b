import { metricValues, type MetricValues } from '../schemas/scored.ts'
import { scoreColumns } from '../schemas/shard.ts'
import { documentColumns } from '../schemas/documents.ts'
import { rankCorrelations } from '../scoring/rank-correlation.ts'
import type { Shards } from '../stages/shards/open-shards.ts'
import { onOneLine } from './terminal-text.ts'
import { UniformSample } from './uniform-sample.ts'

/** What shards hold. `inspect --json` prints it as it is. */
export interface Inspection {
  readonly folder: string
  readonly documents: number
  /** Parts that the documents are kept in. */
  readonly parts: number
  /** Share of the documents, in [0, 1], that is kept for evaluation. */
  readonly heldOut: number
  /** UTF-8 bytes of text. */
  readonly bytes: number
  readonly tokens: number
  readonly vocabulary: number
  readonly metrics: readonly MetricInspection[]
  readonly correlations: Correlations
}

/** Spearman's rank correlations. */
export interface Correlations {
  /** Documents they are over: all, or a uniform sample of those of a large corpus. */
  readonly documents: number
  /** `bytes`, the length of the text in UTF-8, then the metrics. */
  readonly columns: readonly string[]
  /** `[columns, columns]`; null where a column has one value only. */
  readonly matrix: readonly (readonly (number | null)[])[]
}

/** A document at one end of a metric. */
export interface Extreme {
  readonly value: number
  readonly id: string
  /** The beginning of its text, on one line and without control characters. */
  readonly beginning: string
}

export interface MetricInspection {
  readonly name: string
  readonly hardEnd: 'high' | 'low'
  readonly mean: number
  readonly minimum: number
  readonly maximum: number
  /** Documents whose value is no ordinary measurement. */
  readonly flagged: number
  /**
   * Documents a bin; the bins share the range from `lowest` to `highest` evenly. It leaves out the 1/32 of documents
   * at either end, which would squeeze the others into few bins.
   */
  readonly histogram: {
    readonly lowest: number
    readonly highest: number
    readonly counts: readonly number[]
  }
  readonly easiest: readonly Extreme[]
  readonly hardest: readonly Extreme[]
}

const bins = 40
const shownDocuments = 3
const beginningCharacters = 200
/** Enough for them, and not all of a document of any size. */
const beginningBytes = 4 * beginningCharacters
/** A column of them takes 20 MB, and its ranks as much. */
const mostCorrelated = 2_500_000

/** Looks at all scores of shards in one pass, and fetches the documents at the ends of each metric. */
export async function inspectShards(shards: Shards): Promise<Inspection> {
  const views = shards.metrics.map((metric) => new MetricView(metric))
  const sample = new UniformSample(shards.rows, mostCorrelated)
  const columns = ['bytes', ...shards.metrics.map(({ name }) => name)]
  const sampled = columns.map(() => new Float64Array(sample.size))
  let filled = 0
  for await (const batch of shards.scores()) {
    const { parts, rows, bytes } = scoreColumns(batch)
    const measured = views.map(({ name }) => metricValues(batch, name))
    views.forEach((view, metric) => view.add(measured[metric], parts, rows))
    for (let row = 0; row < rows.length; row++) {
      if (!sample.next()) continue
      sampled[0][filled] = bytes[row]
      measured.forEach(({ values }, metric) => (sampled[metric + 1][filled] = values[row]))
      filled++
    }
  }
  const documents = await fetchDocuments(
    shards,
    views.flatMap(({ lows, highs }) => [...lows, ...highs]),
  )
  return {
    folder: shards.folder,
    documents: shards.rows,
    parts: shards.parts.length,
    heldOut: shards.heldOut,
    bytes: shards.byteCount,
    tokens: shards.tokenCount,
    vocabulary: shards.vocabulary,
    metrics: views.map((view) => view.inspection(documents)),
    correlations: {
      documents: sample.size,
      columns,
      matrix: rankCorrelations(sampled).map((row) => row.map((rho) => (Number.isNaN(rho) ? null : rho))),
    },
  }
}

/** One metric, seen document by document. */
class MetricView {
  readonly name: string
  readonly lows: Place[] = []
  readonly highs: Place[] = []
  readonly #metric: Shards['metrics'][number]
  readonly #lowest: number
  readonly #highest: number
  readonly #counts = new Array<number>(bins).fill(0)

  constructor(metric: Shards['metrics'][number]) {
    const { quantiles } = metric.sketch
    this.name = metric.name
    this.#metric = metric
    this.#lowest = quantiles[1] ?? 0
    this.#highest = quantiles.at(-2) ?? 0
  }

  add({ values, flags }: MetricValues, parts: Uint32Array, rows: Uint32Array): void {
    const range = this.#highest - this.#lowest
    for (let i = 0; i < rows.length; i++) {
      const value = values[i]
      if (value >= this.#lowest && value <= this.#highest) {
        const share = range > 0 ? (value - this.#lowest) / range : 0
        this.#counts[Math.min(bins - 1, Math.floor(share * bins))]++
      }
      if (flags[i] !== 0) continue
      const place = { value, part: parts[i], row: rows[i] }
      keepFirst(this.lows, place, (a, b) => a.value - b.value)
      keepFirst(this.highs, place, (a, b) => b.value - a.value)
    }
  }

  inspection(documents: ReadonlyMap<string, Omit<Extreme, 'value'>>): MetricInspection {
    const { name, hardEnd, sketch } = this.#metric
    const extremes = (places: readonly Place[]) =>
      places.map(({ value, part, row }) => ({
        value,
        ...(documents.get(`${part}:${row}`) as Omit<Extreme, 'value'>),
      }))
    const [low, high] = [extremes(this.lows), extremes(this.highs)]
    return {
      name,
      hardEnd,
      mean: sketch.mean,
      minimum: sketch.quantiles[0],
      maximum: sketch.quantiles.at(-1) as number,
      flagged: sketch.flagged,
      histogram: { lowest: this.#lowest, highest: this.#highest, counts: this.#counts },
      easiest: hardEnd === 'high' ? low : high,
      hardest: hardEnd === 'high' ? high : low,
    }
  }
}

interface Place {
  readonly value: number
  readonly part: number
  readonly row: number
}

/** Keeps the few first places of an order; of equal values those that came first. */
function keepFirst(places: Place[], place: Place, compare: (a: Place, b: Place) => number) {
  if (places.length === shownDocuments && compare(place, places[shownDocuments - 1]) >= 0) return
  const index = places.findIndex((other) => compare(place, other) < 0)
  places.splice(index < 0 ? places.length : index, 0, place)
  places.length = Math.min(places.length, shownDocuments)
}

/** Ids and beginnings by `part:row`; reads only the parts that hold one of the places. */
async function fetchDocuments(
  shards: Shards,
  places: readonly Place[],
): Promise<Map<string, Omit<Extreme, 'value'>>> {
  const wanted = new Set(places.map(({ part, row }) => `${part}:${row}`))
  const found = new Map<string, Omit<Extreme, 'value'>>()
  for (const part of new Set(places.map(({ part }) => part))) {
    for await (const { firstRow, batch } of shards.documents(part)) {
      const { ids, texts, rows } = documentColumns(batch)
      for (let i = 0; i < rows; i++) {
        const key = `${part}:${firstRow + i}`
        if (!wanted.has(key)) continue
        found.set(key, { id: ids.text(i), beginning: beginningOf(texts.bytes(i)) })
      }
    }
  }
  return found
}

function beginningOf(utf8: Uint8Array): string {
  // As a stream, so that a character that is cut is left out.
  const text = new TextDecoder().decode(utf8.subarray(0, beginningBytes), { stream: true })
  return [...onOneLine(text)].slice(0, beginningCharacters).join('')
}
