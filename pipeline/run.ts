import { createHash } from 'node:crypto'
import type { z } from 'zod'
import type { Unit } from '../stages/documents/unit.ts'
import type { Interruption, Log, StageContext, Stats } from '../stages/stage.ts'
import { UserError } from '../schemas/user-error.ts'
import { runGraph } from './compose.ts'
import { ancestors, type Graph, type GraphNode } from './graph/graph.ts'
import { runUnits } from './unit-pool.ts'

export interface RunOptions {
  readonly signal: AbortSignal
  readonly log: Log
  readonly interruption?: Interruption
  /** Threads among which units are divided. */
  readonly workers: number
  /** Counters by node id. */
  stats(id: string): Stats
}

export interface RunSummary {
  /** Units of input in all; 0 where the graph is not cut into units. */
  readonly units: number
  /** Units whose results were there already. */
  readonly reused: number
}

/**
 * Runs a graph: once a unit where its source can be cut and its sink keeps units, else once.
 * Units that the sink already has are not run again.
 */
export async function run(graph: Graph, options: RunOptions): Promise<RunSummary> {
  const cut = findCut(graph)
  if (!cut) {
    await runGraph(graph, options.signal, (node, signal) => contextOf(node, options, signal))
    return { units: 0, reused: 0 }
  }
  const { source, sink } = cut
  const units = (await source.stage.units?.(contextOf(source, options, options.signal))) ?? []
  // The sink counts by its version alone: where it writes does not change what it writes.
  const identities = [
    ...(await identitiesOf(ancestors(graph, sink.id))),
    [sink.stage.name, sink.stage.version],
  ]
  const planned = units.map((unit) => ({ unit, key: keyOf(unit, identities) }))
  const missing = await sink.stage.unfinished?.(planned, contextOf(sink, options, options.signal))
  const todo = missing ? planned.filter(({ unit }) => missing.includes(unit)) : planned
  const workers = Math.min(options.workers, todo.length)
  if (workers > 1) await runUnits(graph, todo, workers, options)
  else {
    for (const unit of todo) {
      await runGraph(graph, options.signal, (node, signal) => ({
        ...contextOf(node, options, signal),
        ...unit,
      }))
    }
  }
  await sink.stage.finished?.(contextOf(sink, options, options.signal))
  return { units: units.length, reused: units.length - todo.length }
}

function contextOf(
  node: GraphNode,
  options: RunOptions,
  signal: AbortSignal,
): StageContext<Record<string, unknown>> {
  const { log, interruption } = options
  return {
    options: node.options,
    signal,
    log,
    stats: options.stats(node.id),
    ...(interruption && { interruption }),
  }
}

function findCut(graph: Graph): { source: GraphNode; sink: GraphNode } | undefined {
  const sink = graph.nodes.find((node) => 'unfinished' in node.stage)
  if (!sink) return undefined
  const sources = graph.nodes.filter(({ stage }) => stage.accepts.length === 0)
  const [source] = sources
  if (sources.length > 1 || !('units' in source.stage)) {
    throw new UserError(
      `\`${sink.id}\` in ${graph.file} writes units, so the graph needs one source that reads files; it has ${sources.map(({ id }) => id).join(', ')}.`,
    )
  }
  return { source, sink }
}

/** What the stages before the sink amount to, apart from the text: names, versions and options that matter. */
async function identitiesOf(nodes: readonly GraphNode[]): Promise<unknown[]> {
  return Promise.all(
    nodes.map(async (node) => [
      node.stage.name,
      node.stage.version,
      (await node.stage.identity?.(node.options)) ?? withoutCosmetics(node),
    ]),
  )
}

function withoutCosmetics({ stage, options }: GraphNode): Record<string, unknown> {
  const { shape } = stage.options
  return Object.fromEntries(
    Object.entries(options)
      .filter(([name]) => !(shape[name] as z.ZodType).meta()?.cosmetic)
      .sort(([a], [b]) => (a < b ? -1 : 1)),
  )
}

function keyOf(unit: Unit, identities: readonly unknown[]): string {
  return createHash('sha256')
    .update(JSON.stringify([unit.hash, identities]))
    .digest('hex')
}
