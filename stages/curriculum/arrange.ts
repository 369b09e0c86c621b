import { UserError } from '../../schemas/user-error.ts'
import { arrangeInMemory } from './arrange-in-memory.ts'
import type { Arrangement } from './arrangement.ts'
import type { Scores } from './collect-scores.ts'
import { type Difficulty, difficulty } from './difficulty.ts'
import type { SourceShare } from './mixture.ts'
import { arrangeOnDisk } from './on-disk/arrange-on-disk.ts'
import { type ScoredMetric, rankDocuments } from './on-disk/rank-documents.ts'
import { type OrderOptions, orderSettings } from './order-options.ts'
import { lanes, mix, type PlacedSource } from './orders/mix.ts'
import type { Lengths, OrderSettings } from './orders/order.ts'
import { orders } from './orders/orders.ts'
import { picked } from './picked.ts'

/** Documents that are ordered in memory, some 100 bytes each; more are ordered in files. */
export const inMemory = 4_000_000
/** Documents of files that are worked on at once. */
const atOnce = 1_000_000

/** What an order is made from. */
export interface OrderPlan {
  readonly scores: Scores
  /** Of the metrics that make up the difficulty. */
  readonly weights: Readonly<Record<string, number>>
  /** With the abilities that were measured, if any were. */
  readonly options: OrderOptions
  /** Tokens that the run predicts. */
  readonly tokens: number
  /** To mix; without them the corpus is one. */
  readonly sources?: readonly SourceShare[] | undefined
}

/**
 * Arranges documents; those that lie in files by means of files, unless they are a mixture.
 * @param memory documents of such files to work on at once.
 * @throws UserError where the order cuts the documents into more pieces than there are.
 */
export async function arrange(
  { scores, weights, options, tokens, sources }: OrderPlan,
  signal: AbortSignal,
  memory = atOnce,
): Promise<Arrangement> {
  // The stream's first token is only ever an input.
  const needed = tokens + 1
  const order = orders[options.order]
  const deal = (lengths: Lengths, tokens: number, seed: number, source?: string) =>
    order.arrange(lengths, tokens, seed, settingsFor(lengths.length, options, source))
  const inCorpusOrder = order.ignoresDifficulty === true
  if (scores.scratch && !sources) {
    const workspace = { scratch: scores.scratch, memory, signal }
    const metrics = weightedMetrics(weights, scores)
    const placed = await rankDocuments({ ...scores, metrics }, inCorpusOrder, workspace)
    return arrangeOnDisk(placed, (lengths) => deal(lengths, needed, options.seed), workspace)
  }
  const { hardness, ascending } = difficultyBy(weights, scores)
  const documents = inCorpusOrder ? ascending.map((_, place) => place) : ascending
  const lengths = picked(scores.lengths.toArray(), documents)
  const combine = options.mixture?.ucb ? lanes : mix
  const stretches = sources
    ? combine(lengths, placedSources(sources, documents), needed, options.seed, deal)
    : [...deal(lengths, needed, options.seed)]
  return arrangeInMemory(scores, hardness, documents, stretches)
}

/** The sources by the places of their documents. */
function placedSources(sources: readonly SourceShare[], documents: Uint32Array): PlacedSource[] {
  const owner = new Int32Array(documents.length).fill(-1)
  for (const [source, { documents }] of sources.entries())
    for (const document of documents) owner[document] = source
  const filled = sources.map(() => 0)
  const places = sources.map(({ documents }) => new Uint32Array(documents.length))
  documents.forEach((document, place) => {
    const source = owner[document]
    if (source >= 0) places[source][filled[source]++] = place
  })
  return sources.map(({ name, share }, source) => ({ name, share, places: places[source] }))
}

/** @throws UserError where the order cuts the documents, or those of a source, into more pieces than there are. */
export function checkPieces(count: number, options: OrderOptions, sources?: readonly SourceShare[]): void {
  if (!sources) settingsFor(count, options)
  for (const { name, documents } of sources ?? []) settingsFor(documents.length, options, name)
}

/** @throws UserError where the order cuts the documents into more pieces than there are. */
function settingsFor(count: number, options: OrderOptions, source?: string): OrderSettings {
  // An order reads no setting but those that it has a default for.
  const settings = orderSettings(options) as OrderSettings
  for (const name of ['groups', 'segments'] as const) {
    if (!(settings[name] > count)) continue
    const documents = `${count} documents${source === undefined ? '' : ` of \`${source}\``}`
    throw new UserError(
      `Order ${options.order} cannot cut ${documents} into ${settings[name]} ${name}. Lower \`${name}\`, or score more text.`,
    )
  }
  return settings
}

/** The documents' difficulty, in memory. */
export function difficultyBy(weights: Readonly<Record<string, number>>, scores: Scores): Difficulty {
  const metrics = weightedMetrics(weights, scores)
  return difficulty(
    scores.count,
    metrics.map((metric) => ({ ...metric, values: metric.values.toArray() })),
  )
}

function weightedMetrics(weights: Readonly<Record<string, number>>, { metrics }: Scores): ScoredMetric[] {
  return metrics.map(({ column, values }) => {
    return { values, hardEnd: column.hardEnd, weight: weights[column.name] }
  })
}
