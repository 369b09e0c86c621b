import { createHash } from 'node:crypto'
import type { z } from 'zod'
import type { KeyedUnit, Unit } from '../stages/documents/unit.ts'
import type { Column, Stage } from '../stages/stage.ts'
import { ancestors, type Graph, type GraphNode } from './graph/graph.ts'

/** How units of a graph get their keys: what its stages amount to, apart from the text. */
export interface Identities {
  /** Nodes that add columns, behind all those that decide what the documents are. */
  readonly columnNodes: readonly GraphNode[]
  readonly columns: readonly Column[]
  readonly keysOf: (unit: Unit) => KeyedUnit['keys']
}

/**
 * What the stages before a sink amount to. The sink counts by its version alone: where it writes does not change what
 * it writes.
 */
export async function identitiesOf(graph: Graph, sink: GraphNode): Promise<Identities> {
  const nodes = ancestors(graph, sink.id)
  // What stands before a stage that may drop or change documents has a part in what they are.
  const first = nodes.findLastIndex(({ stage }) => !('columns' in stage)) + 1
  const columnNodes = nodes.slice(first)
  const documents = [
    ...(await Promise.all(nodes.slice(0, first).map(identityOf))),
    [sink.stage.name, sink.stage.version],
  ]
  const columnsByNode = await Promise.all(
    columnNodes.map(async ({ stage, options }) => ({ stage, columns: await columnsOf(stage, options) })),
  )
  return {
    columnNodes,
    columns: columnsByNode.flatMap(({ columns }) => columns),
    keysOf(unit) {
      const documentsKey = hashOf([unit.hash, documents])
      const columns: Record<string, string> = {}
      for (const { stage, columns: own } of columnsByNode) {
        for (const { name, madeFrom, identity } of own) {
          const sources = madeFrom.map((source) => columns[source] ?? null)
          columns[name] = hashOf([documentsKey, stage.name, stage.version, identity, sources])
        }
      }
      return { all: hashOf([documentsKey, Object.entries(columns)]), documents: documentsKey, columns }
    },
  }
}

/** A stage's name, version, and options that matter. */
async function identityOf(node: GraphNode): Promise<unknown> {
  const { stage, options } = node
  const meaning =
    'columns' in stage
      ? (await columnsOf(stage, options)).map(({ name, identity }) => [name, identity])
      : await stage.identity?.(options)
  return [stage.name, stage.version, meaning ?? withoutCosmetics(node)]
}

async function columnsOf(stage: Stage, options: GraphNode['options']): Promise<readonly Column[]> {
  return (await stage.columns?.(options)) ?? []
}

function withoutCosmetics({ stage, options }: GraphNode): Record<string, unknown> {
  const { shape } = stage.options
  return Object.fromEntries(
    Object.entries(options)
      .filter(([name]) => !(shape[name] as z.ZodType).meta()?.cosmetic)
      .sort(([a], [b]) => (a < b ? -1 : 1)),
  )
}

function hashOf(value: unknown): string {
  return createHash('sha256').update(JSON.stringify(value)).digest('hex')
}
