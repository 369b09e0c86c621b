import type { z } from 'zod'
import { edgeKinds } from '../../stages/edges.ts'
import type { Stage } from '../../stages/stage.ts'
import { type Diagnostic, listOf, nearest } from '../diagnostic.ts'
import { ancestors, consumers, type Graph, type GraphNode } from './graph.ts'
import type { GraphSource } from './parse.ts'

export interface CheckResult {
  readonly diagnostics: readonly Diagnostic[]
  /** Present when no diagnostic is an error. */
  readonly graph?: Graph
}

type Registry = ReadonlyMap<string, Stage>
type Path = readonly (string | number)[]
/** Notes a problem at a path of the source. */
type Report = (severity: Diagnostic['severity'], path: Path, message: string, part?: 'key' | 'value') => void

/** Finds every problem of a graph before anything is opened. */
export function checkGraph(source: GraphSource, registry: Registry): CheckResult {
  const diagnostics: Diagnostic[] = [...source.diagnostics]
  const report: Report = (severity, path, message, part = 'value') => {
    const position = source.position(path, part)
    diagnostics.push({ severity, file: source.file, ...(position && { position }), message })
  }
  const failed = () => diagnostics.some(({ severity }) => severity === 'error')
  if (failed()) return { diagnostics }

  const nodes = readNodes(source.value, registry, report)
  const sorted = sort(nodes, report)
  const graph = { file: source.file, assignments: source.assignments, nodes: sorted }
  if (!failed()) checkEdges(graph, report)
  return failed() ? { diagnostics } : { diagnostics, graph }
}

/** The graph's stages, each checked on its own: its keys, its name, its options. */
function readNodes(value: unknown, registry: Registry, report: Report): GraphNode[] {
  if (!isRecord(value) || !isRecord(value.stages) || Object.keys(value.stages).length === 0) {
    report('error', [], 'A graph is a map with the key `stages`, which names one stage or more.')
    return []
  }
  knownKeys(value, ['stages'], [], report)
  const entries = Object.entries(value.stages)
  const ids = entries.map(([id]) => id)
  const nodes: GraphNode[] = []
  entries.forEach(([id, entry], index) => {
    const path = ['stages', id]
    if (!isRecord(entry)) {
      report(
        'error',
        path,
        `Stage \`${id}\` is not a map. Write ${id}: { use: STAGE, with: { OPTION: VALUE } }.`,
        'key',
      )
      return
    }
    knownKeys(entry, ['use', 'from', 'with'], path, report)
    const stage = findStage(entry.use, id, registry, report)
    if (!stage) return
    const from = readFrom(entry.from, { id, stage, ids, before: ids[index - 1] }, report)
    const options = readOptions(entry.with, id, stage, report)
    if (from && options) nodes.push({ id, stage, from, options })
  })
  return nodes
}

function findStage(use: unknown, id: string, registry: Registry, report: Report): Stage | undefined {
  const path = ['stages', id]
  if (typeof use !== 'string') {
    report(
      'error',
      path,
      `Stage \`${id}\` does not say which stage it uses. Add use: with one of the names that \`stages\` lists.`,
      'key',
    )
    return undefined
  }
  const stage = registry.get(use)
  if (!stage) {
    const near = nearest(use, registry.keys())
    report(
      'error',
      [...path, 'use'],
      `There is no stage \`${use}\`. ${near ? `Did you mean \`${near}\`?` : '`stages` lists those there are.'}`,
    )
  }
  return stage
}

function readFrom(
  from: unknown,
  { id, stage, ids, before }: { id: string; stage: Stage; ids: string[]; before: string | undefined },
  report: Report,
): string[] | undefined {
  const path = ['stages', id, 'from']
  const isSource = stage.accepts.length === 0
  if (from === undefined) {
    if (isSource) return []
    if (before !== undefined) return [before]
    report(
      'error',
      ['stages', id],
      `Stage \`${id}\` comes first but takes items. Put a source, such as \`read-jsonl\`, before it.`,
      'key',
    )
    return undefined
  }
  if (isSource) {
    report('error', path, `\`${stage.name}\` is a source and takes no items. Remove from:.`)
    return undefined
  }
  const list = typeof from === 'string' ? [from] : from
  if (!Array.isArray(list) || list.length === 0 || list.some((name) => typeof name !== 'string')) {
    report('error', path, 'from: is the id of a stage, or a list of ids.')
    return undefined
  }
  const unknown = (list as string[]).filter((name) => !ids.includes(name))
  for (const name of unknown) {
    const near = nearest(name, ids)
    report(
      'error',
      path,
      `No stage of this graph has the id \`${name}\`. ${near ? `Did you mean \`${near}\`?` : `It has ${listOf(ids)}.`}`,
    )
  }
  return unknown.length === 0 ? (list as string[]) : undefined
}

function readOptions(
  given: unknown,
  id: string,
  stage: Stage,
  report: Report,
): GraphNode['options'] | undefined {
  const schema = stage.options
  const path = ['stages', id, 'with']
  const result = schema.safeParse(given ?? {})
  if (result.success) {
    for (const remark of stage.remarks?.(result.data) ?? []) {
      report('warning', [...path, ...remark.path], remark.message)
    }
    return result.data
  }
  for (const issue of result.error.issues) {
    const at = [...path, ...issue.path.map((key) => (typeof key === 'symbol' ? String(key) : key))]
    if (issue.code === 'unrecognized_keys') {
      const known = issue.path.length === 0 ? Object.keys(schema.shape) : []
      for (const key of issue.keys) {
        const near = nearest(key, known)
        const remedy = near
          ? `Did you mean \`${near}\`?`
          : known.length > 0
            ? `It has ${listOf(known)}.`
            : 'Remove it.'
        report('error', [...at, key], `\`${stage.name}\` has no option \`${key}\`. ${remedy}`, 'key')
      }
    } else if (issue.path.length > 0 && isMissing(given, issue.path)) {
      const name = issue.path.join('.')
      report(
        'error',
        ['stages', id],
        `\`${stage.name}\` needs the option \`${name}\`${described(schema, issue.path)}.`,
        'key',
      )
    } else {
      const name = issue.path.length > 0 ? `Option \`${issue.path.join('.')}\`` : 'with:'
      report(
        'error',
        at,
        `${name} of \`${stage.name}\` is wrong: ${issue.message}${described(schema, issue.path)}.`,
      )
    }
  }
  return undefined
}

/** The nodes so that each stands after those it takes items from; reports a circle with its chain. */
function sort(nodes: readonly GraphNode[], report: Report): GraphNode[] {
  const byId = new Map(nodes.map((node) => [node.id, node]))
  const sorted = new Set<GraphNode>()
  const visit = (node: GraphNode, chain: readonly string[]): boolean => {
    if (sorted.has(node)) return true
    if (chain.includes(node.id)) {
      const circle = [...chain.slice(chain.indexOf(node.id)), node.id].reverse()
      report(
        'error',
        ['stages', node.id, 'from'],
        `The graph runs in a circle: ${circle.join(' -> ')}. Break it at one from:.`,
      )
      return false
    }
    for (const id of node.from) {
      const upstream = byId.get(id)
      if (upstream && !visit(upstream, [...chain, node.id])) return false
    }
    sorted.add(node)
    return true
  }
  for (const node of nodes) if (!visit(node, [])) break
  return [...sorted]
}

function checkEdges(graph: Graph, report: Report) {
  for (const node of graph.nodes) {
    for (const id of node.from) checkEdge(graph, id, node, report)
    const shared = node.from.length > 1 ? commonAncestor(graph, node.from) : undefined
    if (shared) {
      report(
        'error',
        ['stages', node.id, 'from'],
        `${listOf(node.from)} are read one after the other but both come from \`${shared}\`, so the run would stand still. Read \`${shared}\` twice, under two ids.`,
      )
    }
    const kind = node.stage.emits
    const takers = consumers(graph, node.id)
    if (!kind) continue
    if (takers.length > 1 && !edgeKinds[kind].shareable) {
      report(
        'error',
        ['stages', takers[1].id],
        `\`${node.id}\` emits ${kind}, which own tensors and go to one stage only, but ${listOf(takers.map(({ id }) => id))} take them.`,
        'key',
      )
    }
    if (takers.length === 0 && !edgeKinds[kind].shareable) {
      report(
        'error',
        ['stages', node.id],
        `Nothing takes the ${kind} of \`${node.id}\`. Add the stage that uses them.`,
        'key',
      )
    } else if (takers.length === 0 && kind !== 'steps') {
      report(
        'warning',
        ['stages', node.id],
        `Nothing takes the ${kind} of \`${node.id}\`: they are counted and dropped.`,
        'key',
      )
    }
  }
}

function checkEdge(graph: Graph, id: string, node: GraphNode, report: Report) {
  const emits = graph.nodes.find((upstream) => upstream.id === id)?.stage.emits
  const accepts = node.stage.accepts
  const path = ['stages', node.id]
  if (!emits) {
    report(
      'error',
      path,
      `\`${id}\` is a sink and emits nothing, so \`${node.id}\` cannot stand behind it. Name another stage in from:.`,
      'key',
    )
  } else if (!accepts.includes(emits)) {
    report(
      'error',
      path,
      `\`${node.id}\` takes ${accepts.join(' or ')}, but \`${id}\` emits ${emits}. Put a stage between them, or name another one in from:.`,
      'key',
    )
  }
}

function commonAncestor(graph: Graph, ids: readonly string[]): string | undefined {
  const seen = new Set<string>()
  for (const id of new Set(ids)) {
    const own = [id, ...ancestors(graph, id).map((node) => node.id)]
    const shared = own.find((name) => seen.has(name))
    if (shared) return shared
    own.forEach((name) => seen.add(name))
  }
  return undefined
}

function knownKeys(record: Record<string, unknown>, known: readonly string[], path: Path, report: Report) {
  for (const key of Object.keys(record)) {
    if (known.includes(key)) continue
    const near = nearest(key, known)
    report(
      'error',
      [...path, key],
      `Unknown key \`${key}\`. ${near ? `Did you mean \`${near}\`?` : `Known here: ${listOf(known)}.`}`,
      'key',
    )
  }
}

function described(schema: z.ZodObject, path: readonly PropertyKey[]): string {
  const description = (schema.shape[String(path[0])] as z.ZodType | undefined)?.description
  return description ? ` (${description.replace(/\.$/, '')})` : ''
}

function isMissing(given: unknown, path: readonly PropertyKey[]): boolean {
  let value: unknown = given
  for (const key of path)
    value = isRecord(value) || Array.isArray(value) ? (value as Record<PropertyKey, unknown>)[key] : undefined
  return value === undefined
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
