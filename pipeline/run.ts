import { isOwn, type KeyedUnit, type Share, type UnfinishedUnit } from '../stages/documents/unit.ts'
import type { Interruption, Log, PlanContext, StageContext, Stats, UnitState } from '../stages/stage.ts'
import { UserError } from '../schemas/user-error.ts'
import { runGraph } from './compose.ts'
import type { Graph, GraphNode } from './graph/graph.ts'
import { identitiesIn } from './identities.ts'
import { graphOfUnit } from './unit-graph.ts'
import { identitiesOf } from './unit-keys.ts'
import { runUnits } from './unit-pool.ts'

type Options = Record<string, unknown>

export interface RunOptions {
  readonly signal: AbortSignal
  readonly log: Log
  readonly interruption?: Interruption
  /** Threads among which units are divided. */
  readonly workers: number
  /** Which of several processes this one is, where they divide the units. */
  readonly share?: Share
  /** Called once the plan is written, before the first unit runs. */
  onPlanned?(): Promise<void>
  /** Counters by node id. */
  stats(id: string): Stats
}

export interface RunSummary {
  /** Units of input that fall to this process; 0 where the graph is not cut into units. */
  readonly units: number
  /** Units whose results were there already, whole. */
  readonly reused: number
  /** Units of which something was there already, such as text and tokens. */
  readonly completed: number
}

/**
 * Runs a graph: once a unit where its source can be cut and its sink keeps units, else once.
 * What the sink already has is not made again.
 */
export async function run(graph: Graph, options: RunOptions): Promise<RunSummary> {
  for (const remark of remarksOn(graph)) options.log(remark)
  const cut = findCut(graph)
  if (!cut) {
    const identities = await identitiesIn(graph.nodes)
    const versions = Object.fromEntries(graph.nodes.map(({ id, stage }) => [id, stage.version]))
    await runGraph(graph, options.signal, (node, signal) => ({
      ...contextOf(node, options, signal),
      identities,
      versions,
    }))
    return { units: 0, reused: 0, completed: 0 }
  }
  const { planned, context } = await planUnits(graph, cut, options)
  const own = planned.filter(({ unit }) => isOwn(unit.index, options.share))
  const { stage } = cut.sink
  const todo = (await stage.unfinished?.(planned, context)) ?? own.map(whole)
  await options.onPlanned?.()
  const workers = Math.min(options.workers, todo.length)
  const { interruption } = options
  interruption?.defer(workers > 1 ? 'the units at hand' : 'the unit at hand')
  if (workers > 1) await runUnits(graph, todo, workers, options)
  else {
    for (const unit of todo) {
      if (interruption?.wished) break
      await runGraph(graphOfUnit(graph, unit.kept), options.signal, (node, signal) => ({
        ...contextOf(node, options, signal),
        ...unit,
      }))
    }
  }
  if (interruption?.wished) interruption.fulfil()
  options.signal.throwIfAborted()
  await stage.finished?.(context)
  const completed = todo.filter(({ kept }) => kept.documents || kept.columns.length > 0).length
  return { units: own.length, reused: own.length - todo.length, completed }
}

/** What whoever runs the graph should know of it, such as that it runs code of their own. */
export function remarksOn({ nodes }: Graph): string[] {
  return nodes.flatMap(({ stage, options }) => (stage.remarks?.(options) ?? []).map(({ message }) => message))
}

/** What there is of each unit, and what would run; nothing is changed. Undefined where the graph is not cut. */
export async function unitStates(
  graph: Graph,
  options: RunOptions,
): Promise<readonly UnitState[] | undefined> {
  const cut = findCut(graph)
  if (!cut?.sink.stage.states) return undefined
  const { planned, context } = await planUnits(graph, cut, options)
  return cut.sink.stage.states(planned, context)
}

interface Cut {
  readonly source: GraphNode
  readonly sink: GraphNode
}

async function planUnits(
  graph: Graph,
  { source, sink }: Cut,
  options: RunOptions,
): Promise<{ planned: readonly KeyedUnit[]; context: PlanContext<Options> }> {
  const units = (await source.stage.units?.(contextOf(source, options, options.signal))) ?? []
  const { columns, keysOf } = await identitiesOf(graph, sink)
  return {
    planned: units.map((unit) => ({ unit, keys: keysOf(unit) })),
    context: { ...contextOf(sink, options, options.signal), columns },
  }
}

function whole(unit: KeyedUnit): UnfinishedUnit {
  return { ...unit, kept: { documents: false, columns: [] } }
}

function contextOf(node: GraphNode, options: RunOptions, signal: AbortSignal): StageContext<Options> {
  const { log, interruption, share } = options
  return {
    options: node.options,
    signal,
    log,
    stats: options.stats(node.id),
    ...(interruption && { interruption }),
    ...(share && { share }),
  }
}

function findCut(graph: Graph): Cut | undefined {
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
