import type { Graph } from './graph/graph.ts'
import { Progress } from './progress.ts'
import { run, type RunSummary } from './run.ts'

/**
 * Runs a graph for a person: shows progress on standard error and stops cleanly on SIGINT or SIGTERM.
 * @param workers threads among which the units of a graph that is cut are divided
 * @throws AbortError after such a signal.
 */
export async function execute(graph: Graph, workers = 1): Promise<RunSummary & { progress: Progress }> {
  const controller = new AbortController()
  const progress = new Progress()
  const stop = () => controller.abort()
  process.once('SIGINT', stop).once('SIGTERM', stop)
  try {
    const summary = await run(graph, {
      signal: controller.signal,
      workers,
      log: progress.log,
      stats: (id) => progress.stats(id),
    })
    return { ...summary, progress }
  } finally {
    progress.stop()
    process.off('SIGINT', stop).off('SIGTERM', stop)
  }
}
