import { UserError } from '../schemas/user-error.ts'
import type { Stats } from '../stages/stage.ts'
import { runGraph } from './compose.ts'
import { loadGraph } from './graph/load.ts'
import { explained } from './system-error.ts'
import { graphOfUnit } from './unit-graph.ts'
import type { Report, UnitTask } from './unit-pool.ts'

/**
 * Runs a graph for one unit in a worker thread.
 * @returns the message of a mistake of the user: an error's class is lost between threads.
 */
export default async function runUnit({
  file,
  assignments,
  port,
  ...unit
}: UnitTask): Promise<string | undefined> {
  const controller = new AbortController()
  port.on('message', () => controller.abort())
  const report = (message: Report) => port.postMessage(message)
  const statsOf = (id: string): Stats => ({
    add: (...parameters) => report({ id, call: 'add', parameters }),
    drop: (...parameters) => report({ id, call: 'drop', parameters }),
    set: (...parameters) => report({ id, call: 'set', parameters }),
    expect: (...parameters) => report({ id, call: 'expect', parameters }),
  })
  try {
    const graph = graphOfUnit(await loadGraph(file, assignments), unit.kept)
    await runGraph(graph, controller.signal, (node, signal) => ({
      options: node.options,
      signal,
      log: (log) => report({ log }),
      stats: statsOf(node.id),
      ...unit,
    }))
    return undefined
  } catch (cause) {
    const error = explained(cause)
    if (error instanceof UserError) return error.message
    throw error
  } finally {
    port.close()
  }
}
