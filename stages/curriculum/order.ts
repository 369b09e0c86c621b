import { createHash } from 'node:crypto'
import { access, constants } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import type { RecordBatch, Schema } from 'apache-arrow'
import { orderBatch, orderSchema } from '../../schemas/order.ts'
import { metricColumns } from '../../schemas/scored.ts'
import { shardsFolder } from '../../schemas/shard.ts'
import { UserError } from '../../schemas/user-error.ts'
import { dynamicsMetrics } from '../../scoring/training-dynamics.ts'
import { rehearsedFile } from '../derived-file.ts'
import { metricNames as builtInMetrics } from '../shards/metric-entries.ts'
import { openShards, type Shards } from '../shards/open-shards.ts'
import { removeAbandoned } from '../shared-partials.ts'
import { defineStage, type StageContext } from '../stage.ts'
import { arrange, checkPieces, difficultyBy, inMemory, type OrderPlan } from './arrange.ts'
import { emptyColumns, orderBatches } from './arrangement.ts'
import { collectScores, type Scores, totalTokens } from './collect-scores.ts'
import { readSources } from './document-sources.ts'
import { type Mixture, mixtureShares, type SourceShare } from './mixture.ts'
import { measureAbilities } from './measure-abilities.ts'
import { readOrder, readOrderReport, stateOfOrder, writeOrder } from './order-file.ts'
import { difficultyWeights, effectiveOptions, orderOptions, type OrderOptions } from './order-options.ts'

const version = 3

export const order = defineStage({
  name: 'order',
  summary: 'Arrange the documents for training, by difficulty or at random.',
  version,
  accepts: ['scores'],
  emits: 'ordered',
  options: orderOptions,
  async *rehearse(batches, context) {
    using wanted = await wantedOrder(batches, context, true)
    const { path, shards, scores, effective, tokens } = wanted
    context.log(rehearsedFile(path, await stateOfOrder(path), 'these scores, options and seed'))
    const report = { options: effective, tokens, documents: 0, distinct: 0, available: scores.count }
    yield orderBatch(orderSchema(report, shards), emptyColumns(0))
  },
  async *run(batches, context) {
    const { stats } = context
    const { path, shards, options } = await haveOrder(batches, context)
    const { documents, distinct, available } = await readOrderReport(path)
    stats.expect('documents', documents)
    // Where training decides what is read, it does not read all that is there for it.
    if (!options.mixture?.ucb) {
      stats.set('repeats', documents - distinct)
      stats.set('coverage', distinct / available)
    }
    for await (const batch of readOrder(path, shards)) {
      stats.add('documents', batch.numRows)
      yield batch
    }
  },
})

/** Makes the order, unless it is there. */
async function haveOrder(
  batches: AsyncIterable<RecordBatch>,
  context: StageContext<OrderOptions>,
): Promise<Pick<WantedOrder, 'path' | 'shards' | 'options'>> {
  const { signal, log } = context
  using wanted = await wantedOrder(batches, context)
  const { path, shards, options } = wanted
  await removeAbandoned(dirname(path))
  const state = await stateOfOrder(path)
  if (state === 'whole') log(`The order is there and is reused: \`${path}\`.`)
  else {
    if (state === 'damaged') log(`The order \`${path}\` is damaged and is made anew.`)
    await makeOrder(wanted, signal)
  }
  return { path, shards, options }
}

/** An order, and what it is made from. */
interface WantedOrder extends OrderPlan, Disposable {
  /** Its file, whether that is there or not. */
  readonly path: string
  /** Folder of the shards. */
  readonly shards: string
  /** The options that count, defaults included. */
  readonly effective: Readonly<Record<string, unknown>>
}

/** @throws UserError where the shards have nothing to train on, or not what the options ask for. */
async function wantedOrder(
  batches: AsyncIterable<RecordBatch>,
  context: StageContext<OrderOptions>,
  isRehearsal = false,
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
      const scratch = await scratchPath(shards, isRehearsal)
      return { metrics, heldOut: opened.heldOut, hashes: options.run !== undefined, scratch }
    },
    stats,
    inMemory,
  )
  try {
    signal.throwIfAborted()
    if (!scores || !opened || scores.count === 0) {
      throw new UserError(
        `The shards${shards && ` in \`${shards}\``} hold no document to train on. Score more text, or score into another folder with a smaller \`--held-out\`.`,
      )
    }
    const tokens = options.tokens ?? totalTokens(scores) - 1
    const measured = await withAbilities(options, scores, weights)
    const effective = { ...effectiveOptions(measured, weights), tokens }
    const sources = options.mixture && (await sourcesOf(opened, scores, options.mixture, context))
    checkPieces(scores.count, measured, sources)
    const path = join(shards, 'orders', `${orderKey(scores, effective, sources)}.arrow`)
    return {
      ...{ path, shards, scores, weights, options: measured, effective, tokens, sources },
      [Symbol.dispose]: () => scores[Symbol.dispose](),
    }
  } catch (error) {
    scores?.[Symbol.dispose]()
    throw error
  }
}

/** Where what does not fit into memory lies: beside the order, unless nothing may be written there. */
async function scratchPath(shards: string, isRehearsal: boolean): Promise<string> {
  const isWritable = await access(shards, constants.W_OK).then(
    () => true,
    () => false,
  )
  return isWritable && !isRehearsal ? join(shards, 'orders', 'sorting') : join(tmpdir(), 'gradus-sorting')
}

/** The options with the abilities of the run that they name. @throws UserError where that run says nothing of the documents. */
async function withAbilities(
  options: OrderOptions,
  scores: Scores,
  weights: Readonly<Record<string, number>>,
): Promise<OrderOptions> {
  if (options.run === undefined || !scores.hashes) return options
  const { ascending } = difficultyBy(weights, scores)
  return { ...options, abilities: await measureAbilities(options.run, scores.hashes.toArray(), ascending) }
}

/** Writes an order that is not there. */
async function makeOrder(wanted: WantedOrder, signal: AbortSignal): Promise<void> {
  const { path, effective: options, tokens } = wanted
  const arrangement = await arrange(wanted, signal)
  const { documents, distinct, available } = arrangement
  const schema = orderSchema({ options, tokens, documents, distinct, available })
  await writeOrder(path, schema, orderBatches(arrangement, schema))
}

/** The sources to mix. Counts the documents of others, which are left out. */
async function sourcesOf(
  shards: Shards,
  scores: Scores,
  mixture: Mixture,
  { signal, stats }: Pick<StageContext<OrderOptions>, 'signal' | 'stats'>,
): Promise<SourceShare[]> {
  const [parts, rows, lengths] = [scores.parts, scores.rows, scores.lengths].map((column) => column.toArray())
  const read = await readSources(shards, { parts, rows }, signal)
  const sources = mixtureShares(mixture, read, lengths, shards.folder)
  const mixed = sources.reduce((sum, { documents }) => sum + documents.length, 0)
  if (mixed < scores.count) stats.drop('outside the mixture', scores.count - mixed)
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
        `${howToAdd(missing, available, folder)}, or name other metrics in \`difficulty\`.`,
    )
  }
  return weights
}

/** A metric that comes with gradus is asked for by its name, and any other one by the file that it is in. */
function howToAdd(missing: readonly string[], available: readonly string[], folder: string): string {
  const unknown = missing.filter((name) => !builtInMetrics.includes(name))
  const wanted = missing.map((name) => (unknown.includes(name) ? 'FILE' : name))
  const command = `npm run pipeline -- score --input FILES --out ${folder} --metrics ${[...available, ...wanted].join(',')}`
  if (unknown.length === 0) return `Add what is missing with \`${command}\``
  return `None of gradus's own metrics, ${builtInMetrics.join(', ')}, is called ${unknown.join(' or ')}: add one of yours with the file that it is in, \`${command}\``
}

/** Equal keys mean equal orders: the options and all that is ordered, but no path and no time. */
function orderKey(
  { count, parts, rows, lengths, metrics }: Scores,
  options: Readonly<Record<string, unknown>>,
  sources: readonly SourceShare[] = [],
): string {
  const hash = createHash('sha256').update(JSON.stringify({ version, options, documents: count }))
  for (const column of [parts, rows, lengths]) for (const piece of column.pieces()) hash.update(piece)
  for (const { column, values } of metrics) {
    hash.update(JSON.stringify(column))
    for (const piece of values.pieces()) hash.update(piece)
  }
  for (const { name, share, documents } of sources)
    hash.update(JSON.stringify([name, share])).update(documents)
  return hash.digest('hex').slice(0, 32)
}
