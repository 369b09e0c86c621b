import type { Kept } from '../stages/documents/unit.ts'
import type { Stage, StageContext } from '../stages/stage.ts'
import { ancestors, type Graph, type GraphNode } from './graph/graph.ts'

type Context = StageContext<Record<string, unknown>>

/** The graph for a unit of which something is there: stages whose output the sink keeps give way to reading it. */
export function graphOfUnit(graph: Graph, { documents, columns }: Kept): Graph {
  const sink = graph.nodes.find(({ stage }) => 'unfinished' in stage)
  if (!documents || sink?.stage.restore === undefined) return graph
  const chain = ancestors(graph, sink.id)
  const tokenizing = chain.findLastIndex(({ stage }) => stage.emits === 'tokenized' && 'columns' in stage)
  // The last stage that decides what the documents are may stand behind the tokenizer.
  const deciding = chain.findLastIndex(({ stage }) => !('columns' in stage))
  const last = chain.at(tokenizing > deciding && columns.includes('tokens') ? tokenizing : deciding)
  if (last?.stage.emits !== 'documents' && last?.stage.emits !== 'tokenized') return graph
  const replaced = new Set(ancestors(graph, last.id).map(({ id }) => id))
  const nodes = graph.nodes.filter(({ id }) => !replaced.has(id))
  if (nodes.some((node) => node !== last && node.from.some((id) => replaced.has(id)))) return graph
  return { ...graph, nodes: nodes.map((node) => (node === last ? restoring(last, sink) : node)) }
}

/** A source in a node's place, which gives what the node gave when the sink kept it. */
function restoring({ id, stage }: GraphNode, sink: GraphNode): GraphNode {
  const kind = stage.emits as 'documents' | 'tokenized'
  const source: Stage = {
    ...stage,
    accepts: [],
    run: (_none, context: Context) =>
      // The sink's own `restore`, which is there by now.
      (sink.stage.restore as NonNullable<Stage['restore']>)(kind, { ...context, options: sink.options }),
  }
  return { id, stage: source, from: [], options: sink.options }
}
