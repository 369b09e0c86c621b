import { createHash } from 'node:crypto'
import { dirname, join } from 'node:path'
import type { RecordBatch, Schema } from 'apache-arrow'
import { orderBatch, type OrderReport, orderSchema } from '../../schemas/order.ts'
import { metricColumns } from '../../schemas/scored.ts'
import { shardsFolder } from '../../schemas/shard.ts'
import { UserError } from '../../schemas/user-error.ts'
import { dynamicsMetrics } from '../../scoring/training-dynamics.ts'
import { rehearsedFile } from '../derived-file.ts'
import { openShards, type Shards } from '../shards/open-shards.ts'
import { removeAbandoned } from '../shared-partials.ts'
import { defineStage, type StageContext } from '../stage.ts'
import { countDocuments, emptyColumns, orderBatches } from './arrangement.ts'
import { collectScores, type Scores } from './collect-scores.ts'
import { type Difficulty, difficulty } from './difficulty.ts'
import { readSources } from './document-sources.ts'
import { type Mixture, mixtureShares, type SourceShare } from './mixture.ts'
import { measureAbilities } from './measure-abilities.ts'
import { readOrder, readOrderReport, stateOfOrder, writeOrder } from './order-file.ts'
import {
  difficultyWeights,
  effectiveOptions,
  orderOptions,
  type OrderOptions,
  orderSettings,
} from './order-options.ts'
import { lanes, mix } from './orders/mix.ts'
import type { OrderSettings, RankedCorpus } from './orders/order.ts'
import { orders } from './orders/orders.ts'

const version = 2

export const order = defineStage({
  name: 'order',
  summary: 'Arrange the documents for training, by difficulty or at random.',
  version,
  accepts: ['scores'],
  emits: 'ordered',
  options: orderOptions,
  async *rehearse(batches, context) {
    const { path, shards, scores, effective, tokens } = await wantedOrder(batches, context)
    context.log(rehearsedFile(path, await stateOfOrder(path), 'these scores, options and seed'))
    const report = { options: effective, tokens, documents: 0, distinct: 0, available: scores.lengths.length }
    yield orderBatch(orderSchema(report, shards), emptyColumns(0))
  },
  async *run(batches, context) {
    const { stats, log } = context
    const wanted = await wantedOrder(batches, context)
    const { path, shards } = wanted
    await removeAbandoned(dirname(path))
    const state = await stateOfOrder(path)
    if (state === 'whole') log(`The order is there and is reused: \`${path}\`.`)
    else {
      if (state === 'damaged') log(`The order \`${path}\` is damaged and is made anew.`)
      await makeOrder(wanted)
    }
    const { documents, distinct, available } = await readOrderReport(path)
    stats.expect('documents', documents)
    // Where training decides what is read, it does not read all that is there for it.
    if (!wanted.options.mixture?.ucb) {
      stats.set('repeats', documents - distinct)
      stats.set('coverage', distinct / available)
    }
    for await (const batch of readOrder(path, shards)) {
      stats.add('documents', batch.numRows)
      yield batch
    }
  },
})

/** An order, and what it is made from. */
interface WantedOrder {
  /** Its file, whether that is there or not. */
  readonly path: string
  /** Folder of the shards. */
  readonly shards: string
  readonly scores: Scores
  /** Of the metrics that make up the difficulty. */
  readonly weights: Readonly<Record<string, number>>
  /** With the abilities that were measured, if any were. */
  readonly options: OrderOptions
  /** The options that count, defaults included. */
  readonly effective: Readonly<Record<string, unknown>>
  /** Tokens that the run predicts. */
  readonly tokens: number
  /** To mix; without them the corpus is one. */
  readonly sources?: readonly SourceShare[] | undefined
}

/** @throws UserError where the shards have nothing to train on, or not what the options ask for. */
async function wantedOrder(
  batches: AsyncIterable<RecordBatch>,
  context: StageContext<OrderOptions>,
): Promise<WantedOrder> {
  const { options, signal, stats } = context
  let shards = ''
  let opened: Shards | undefined
  let weights: Readonly<Record<string, number>> = {}
  const scores = await collectScores(
    batches,
    async (schema) => {
      shards = shardsFolder(schema)
      weights = chooseMetrics(schema, options)
      const metrics = metricColumns(schema).filter(({ name }) => name in weights)
      opened = await openShards(shards)
      return { metrics, heldOut: opened.heldOut, hashes: options.run !== undefined }
    },
    stats,
  )
  signal.throwIfAborted()
  if (!scores || !opened || scores.parts.length === 0) {
    throw new UserError(
      `The shards${shards && ` in \`${shards}\``} hold no document to train on. Score more text, or hold out a smaller share of it.`,
    )
  }
  const tokens = options.tokens ?? scores.lengths.reduce((sum, length) => sum + length, -1)
  const measured = await withAbilities(options, scores, weights)
  const effective = { ...effectiveOptions(measured, weights), tokens }
  const { mixture } = options
  const sources = mixture && (await sourcesOf(opened, scores, mixture, context))
  const path = join(shards, 'orders', `${orderKey(scores, effective, sources)}.arrow`)
  return { path, shards, scores, weights, options: measured, effective, tokens, sources }
}

/** The options with the abilities of the run that they name. @throws UserError where that run says nothing of the documents. */
async function withAbilities(
  options: OrderOptions,
  scores: Scores,
  weights: Readonly<Record<string, number>>,
): Promise<OrderOptions> {
  if (options.run === undefined || !scores.hashes) return options
  const { ascending } = difficultyBy(weights, scores)
  return { ...options, abilities: await measureAbilities(options.run, scores.hashes, ascending) }
}

function difficultyBy(weights: Readonly<Record<string, number>>, { lengths, metrics }: Scores): Difficulty {
  return difficulty(
    lengths.length,
    metrics.map(({ column, values }) => ({ values, hardEnd: column.hardEnd, weight: weights[column.name] })),
  )
}

async function makeOrder(wanted: WantedOrder): Promise<void> {
  const { path, scores, weights, options, effective, tokens, sources } = wanted
  const { lengths } = scores
  const { hardness, ascending } = difficultyBy(weights, scores)
  // The stream's first token is only ever an input.
  const needed = tokens + 1
  const corpus = { lengths, ascending }
  const arrange = (own: RankedCorpus, tokens: number, seed: number, source?: string) =>
    orders[options.order].arrange(own, tokens, seed, settingsFor(own, options, source))
  const combine = options.mixture?.ucb ? lanes : mix
  const stretches = sources
    ? combine(corpus, sources, needed, options.seed, arrange)
    : [...arrange(corpus, needed, options.seed)]
  const report: OrderReport = { options: effective, tokens, ...countDocuments(stretches, lengths.length) }
  const schema = orderSchema(report)
  await writeOrder(path, schema, orderBatches(stretches, scores, hardness, schema))
}

/** @throws UserError where the order cuts the documents into more pieces than there are. */
function settingsFor({ lengths }: RankedCorpus, options: OrderOptions, source?: string): OrderSettings {
  // An order reads no setting but those that it has a default for.
  const settings = orderSettings(options) as OrderSettings
  for (const name of ['groups', 'segments'] as const) {
    if (!(settings[name] > lengths.length)) continue
    const documents = `${lengths.length} documents${source === undefined ? '' : ` of \`${source}\``}`
    throw new UserError(
      `Order ${options.order} cannot cut ${documents} into ${settings[name]} ${name}. Lower \`${name}\`, or score more text.`,
    )
  }
  return settings
}

/** The sources to mix. Counts the documents of others, which are left out. */
async function sourcesOf(
  shards: Shards,
  scores: Scores,
  mixture: Mixture,
  { signal, stats }: Pick<StageContext<OrderOptions>, 'signal' | 'stats'>,
): Promise<SourceShare[]> {
  const read = await readSources(shards, scores, signal)
  const sources = mixtureShares(mixture, read, scores.lengths, shards.folder)
  const mixed = sources.reduce((sum, { documents }) => sum + documents.length, 0)
  if (mixed < scores.lengths.length) stats.drop('outside the mixture', scores.lengths.length - mixed)
  return sources
}

/** Weights of the difficulty's metrics. @throws UserError where the shards lack one. */
function chooseMetrics(schema: Schema, options: OrderOptions): Readonly<Record<string, number>> {
  const available = metricColumns(schema).map(({ name }) => name)
  const weights = difficultyWeights(options, available)
  const missing = Object.keys(weights).filter((name) => !available.includes(name))
  const learned = missing.find((name) => dynamicsMetrics.some((metric) => metric.name === name))
  if (learned !== undefined) {
    throw new UserError(
      `\`${learned}\` comes from a training run: put an \`add-dynamics\` stage with its folder before \`order\`, or name other metrics in \`difficulty\`.`,
    )
  }
  if (missing.length > 0) {
    const folder = shardsFolder(schema)
    throw new UserError(
      `The shards in \`${folder}\` have ${available.join(', ') || 'no metric'}, but not ${missing.join(', ')}. ` +
        `Add what is missing with \`npm run pipeline -- score --input FILES --out ${folder} --metrics ${[...available, ...missing].join(',')}\`, ` +
        'or name other metrics in `difficulty`.',
    )
  }
  return weights
}

/** Equal keys mean equal orders: the options and all that is ordered, but no path and no time. */
function orderKey(
  { parts, rows, lengths, metrics }: Scores,
  options: Readonly<Record<string, unknown>>,
  sources: readonly SourceShare[] = [],
): string {
  const hash = createHash('sha256').update(JSON.stringify({ version, options, documents: parts.length }))
  for (const column of [parts, rows, lengths]) hash.update(column)
  for (const { column, values } of metrics) hash.update(JSON.stringify(column)).update(values)
  for (const { name, share, documents } of sources)
    hash.update(JSON.stringify([name, share])).update(documents)
  return hash.digest('hex').slice(0, 32)
}
