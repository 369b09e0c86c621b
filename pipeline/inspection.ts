import { metricValues } from '../schemas/scored.ts'
import { scoreColumns } from '../schemas/shard.ts'
import { documentColumns } from '../schemas/documents.ts'
import type { Shards } from '../stages/shards/open-shards.ts'

/** A document at one end of a metric. */
export interface Extreme {
  readonly value: number
  readonly id: string
  /** The beginning of its text, on one line. */
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
const beginningLength = 70

/** Looks at every metric of shards in one pass over their scores, and fetches the documents at the ends. */
export async function inspectShards(shards: Shards): Promise<MetricInspection[]> {
  const ranges = shards.metrics.map(({ sketch: { quantiles } }) => ({
    lowest: quantiles[1] ?? 0,
    highest: quantiles.at(-2) ?? 0,
  }))
  const counts = shards.metrics.map(() => new Array<number>(bins).fill(0))
  const lows = shards.metrics.map((): Place[] => [])
  const highs = shards.metrics.map((): Place[] => [])
  for await (const batch of shards.scores()) {
    const { parts, rows } = scoreColumns(batch)
    shards.metrics.forEach(({ name }, metric) => {
      const { values, flags } = metricValues(batch, name)
      const { lowest, highest } = ranges[metric]
      values.forEach((value, i) => {
        if (value >= lowest && value <= highest) {
          const share = highest > lowest ? (value - lowest) / (highest - lowest) : 0
          counts[metric][Math.min(bins - 1, Math.floor(share * bins))]++
        }
        if (flags[i] !== 0) return
        const place = { value, part: parts[i], row: rows[i] }
        keepFirst(lows[metric], place, (a, b) => a.value - b.value)
        keepFirst(highs[metric], place, (a, b) => b.value - a.value)
      })
    })
  }
  const documents = await fetchDocuments(shards, [...lows, ...highs].flat())
  const extremes = (places: readonly Place[]) =>
    places.map((place) => ({
      value: place.value,
      ...(documents.get(`${place.part}:${place.row}`) as Omit<Extreme, 'value'>),
    }))
  return shards.metrics.map(({ name, hardEnd, sketch: { mean, quantiles, flagged } }, metric) => {
    const [low, high] = [extremes(lows[metric]), extremes(highs[metric])]
    return {
      name,
      hardEnd,
      mean,
      minimum: quantiles[0],
      maximum: quantiles.at(-1) as number,
      flagged,
      histogram: { ...ranges[metric], counts: counts[metric] },
      easiest: hardEnd === 'high' ? low : high,
      hardest: hardEnd === 'high' ? high : low,
    }
  })
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
        const line = texts.text(i).replaceAll(/\s+/g, ' ').trim()
        found.set(key, {
          id: ids.text(i),
          beginning: line.length > beginningLength ? `${line.slice(0, beginningLength)}…` : line,
        })
      }
    }
  }
  return found
}
