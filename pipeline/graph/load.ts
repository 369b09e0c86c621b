import { UserError } from '../../schemas/user-error.ts'
import { formatDiagnostic } from '../diagnostic.ts'
import { stagesOf } from '../registry.ts'
import { checkGraph } from './check.ts'
import type { Graph } from './graph.ts'
import { type Assignment, readGraph } from './parse.ts'

/**
 * Reads and checks a graph file, with assignments laid over it.
 * @throws UserError that shows every problem with its place.
 */
export async function loadGraph(file: string, assignments: readonly Assignment[] = []): Promise<Graph> {
  const source = await readGraph(file, assignments)
  const { graph, diagnostics } = checkGraph(source, await stagesOf(source))
  if (graph) return graph
  throw new UserError(diagnostics.map((diagnostic) => formatDiagnostic(diagnostic, source.text)).join('\n'))
}
