import { builtInGraph } from '../graphs.ts'
import type { Graph } from '../graph/graph.ts'
import { type Assignment, readGraph } from '../graph/parse.ts'
import { type MetricEntry, needsNgrams, ngramOrder } from '../../stages/shards/metric-entries.ts'

interface GraphCall {
  readonly file: string
  readonly assignments: readonly Assignment[]
}

/** The graph of `score`, and in it the file of counts beside the shards, where a metric is measured against some. */
export async function withCounts({ file, assignments }: GraphCall, out: string): Promise<GraphCall> {
  const { value } = await readGraph(file, assignments)
  const options = optionsIn(value)
  const metrics: unknown = options?.metrics
  if (!Array.isArray(metrics) || !metrics.some(needsNgrams) || options?.ngrams !== undefined)
    return { file, assignments }
  const counts = `${out.replace(/\/+$/, '')}/ngrams.arrow`
  return {
    file,
    assignments: [...assignments, { path: ['stages', 'score', 'with', 'ngrams'], value: counts }],
  }
}

/**
 * The graph that counts what the metrics of a scoring graph are measured against: the same documents, read, split and
 * tokenized alike. Undefined where no metric needs counts.
 */
export function countingGraph(scoring: Graph): GraphCall | undefined {
  const { metrics, ngrams } = scoring.nodes.find(({ id }) => id === 'score')?.options as {
    metrics: readonly MetricEntry[]
    ngrams?: string
  }
  const order = Math.max(...metrics.map(ngramOrder))
  if (order === 0) return undefined
  const shared = scoring.nodes.filter(({ id }) => ['read', 'split', 'tokenize'].includes(id))
  return {
    file: builtInGraph('ngrams'),
    assignments: [
      ...shared.map(({ id, stage, options }) => ({
        path: ['stages', id],
        value: { use: stage.name, with: options },
      })),
      { path: ['stages', 'count', 'with'], value: { to: ngrams, order } },
    ],
  }
}

function optionsIn(graph: unknown): Record<string, unknown> | undefined {
  const { stages } = (graph ?? {}) as { stages?: Record<string, { with?: Record<string, unknown> }> }
  return stages?.score?.with
}
