import type { Stage } from '../../stages/stage.ts'
import type { Assignment } from './parse.ts'

/** One stage of a graph that passed the check: its options are complete, its neighbours exist. */
export interface GraphNode {
  readonly id: string
  readonly stage: Stage
  /** Ids of the stages whose items it takes, in the order in which they are read. */
  readonly from: readonly string[]
  /** With every default filled in. */
  readonly options: Readonly<Record<string, unknown>>
}

/** A checked graph, its nodes in an order in which each stands after those it takes items from. */
export interface Graph {
  readonly file: string
  /** What was laid over the file, as by `--set`. */
  readonly assignments: readonly Assignment[]
  readonly nodes: readonly GraphNode[]
}

/** Nodes that take items from `id`. */
export function consumers(graph: Graph, id: string): GraphNode[] {
  return graph.nodes.filter((node) => node.from.includes(id))
}

/** Nodes that `id`'s items come from, directly or through others, in the graph's order; without `id` itself. */
export function ancestors(graph: Graph, id: string): GraphNode[] {
  const found = new Set<string>()
  const visit = (current: string) => {
    for (const upstream of graph.nodes.find((node) => node.id === current)?.from ?? []) {
      if (!found.has(upstream)) visit(upstream)
      found.add(upstream)
    }
  }
  visit(id)
  return graph.nodes.filter((node) => found.has(node.id))
}
