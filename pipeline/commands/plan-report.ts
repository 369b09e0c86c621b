import { existsSync } from 'node:fs'
import type { UnitState } from '../../stages/stage.ts'
import { UserError } from '../../schemas/user-error.ts'
import { standardInputPath } from '../../stages/documents/standard-input.ts'
import { explained } from '../system-error.ts'
import type { Graph } from '../graph/graph.ts'
import { Counters } from '../progress.ts'
import { unitStates } from '../run.ts'
import { graphOfUnit } from '../unit-graph.ts'
import { rehearsal } from './plan-training.ts'

/**
 * What would run, stage by stage and unit by unit, and what is reused, and why, as lines of comments. The input is read,
 * and so is what there is of the output; nothing is changed.
 */
export async function planReport(graph: Graph): Promise<string[]> {
  const lines: string[] = []
  try {
    const sink = graph.nodes.find(({ stage }) => 'states' in stage)
    if (sink) lines.push(...(await unitsReport(graph, sink.options.to as string)))
    else await rehearsal(graph, (line) => lines.push(line))
  } catch (cause) {
    const error = explained(cause)
    if (!(error instanceof UserError)) throw error
    lines.push(`What would run is not known: ${error.message}`)
  }
  return lines
}

async function unitsReport(graph: Graph, folder: string): Promise<string[]> {
  if (!existsSync(folder)) return [`There is no \`${folder}\` yet: every stage runs for every unit.`]
  if (readsStandardInput(graph)) return ['What is reused of standard input is known once it is read.']
  const states = await unitStates(readingOnly(graph), {
    signal: new AbortController().signal,
    workers: 1,
    log: () => {},
    stats: () => new Counters(),
  })
  return states ? describe(graph, states) : []
}

function readsStandardInput(graph: Graph): boolean {
  return graph.nodes.some(
    ({ options: { paths } }) => Array.isArray(paths) && paths.includes(standardInputPath),
  )
}

/** Readers write rejected records down, where they are told to. */
function readingOnly(graph: Graph): Graph {
  const nodes = graph.nodes.map((node) => {
    const { rejected: _, ...options } = node.options
    return { ...node, options }
  })
  return { ...graph, nodes }
}

function describe(graph: Graph, states: readonly UnitState[]): string[] {
  const groups = new Map<string, number[]>()
  for (const state of states) {
    const text = describeUnit(graph, state)
    groups.set(text, [...(groups.get(text) ?? []), state.unit.index])
  }
  return [...groups].map(([text, units]) => `${unitsOf(units)}: ${text}`)
}

function describeUnit(graph: Graph, { isFinished, kept, keys, reasons }: UnitState): string {
  if (isFinished) return 'reused whole: text, options and files are as they were.'
  const made = Object.keys(keys.columns).filter((name) => !kept.columns.includes(name))
  const reduced = graphOfUnit(graph, kept)
  // In a reduced graph the source only reads what is kept.
  const running = reduced === graph ? graph.nodes : reduced.nodes.filter(({ from }) => from.length > 0)
  const metrics = made.filter((name) => name !== 'tokens')
  const stages = running
    .filter(({ stage }) => stage.emits !== 'scored' || metrics.length > 0)
    .map(({ id, stage }) => (stage.emits === 'scored' ? `${id} (${metrics.join(', ')})` : id))
  const reused = [...(kept.documents ? ['text'] : []), ...kept.columns]
  const what = `${stages.join(', ')} run${stages.length === 1 ? 's' : ''}`
  const reuse = reused.length > 0 ? `; ${reused.join(', ')} ${reused.length === 1 ? 'is' : 'are'} reused` : ''
  return `${what}${reuse}, since ${reasons.join(', and ')}.`
}

/** `unit 3`, or `units 0 to 4 and 7` */
function unitsOf(units: readonly number[]): string {
  const ranges: [number, number][] = []
  for (const unit of units) {
    const last = ranges.at(-1)
    if (last && last[1] === unit - 1) last[1] = unit
    else ranges.push([unit, unit])
  }
  const texts = ranges.map(([from, to]) => (from === to ? `${from}` : `${from} to ${to}`))
  const list = texts.length > 1 ? `${texts.slice(0, -1).join(', ')} and ${texts.at(-1)}` : texts[0]
  return `${units.length === 1 ? 'unit' : 'units'} ${list}`
}
