import type { GraphNode } from './graph/graph.ts'

/**
 * What the options of stages mean for what they do, by id, of those for which that is more than the options' values.
 * @throws UserError where a file that an option names is missing.
 */
export async function identitiesIn(nodes: readonly GraphNode[]): Promise<Readonly<Record<string, unknown>>> {
  const entries = nodes.flatMap(({ id, stage, options }) =>
    stage.identity ? stage.identity(options).then((identity) => [id, identity] as const) : [],
  )
  // As it comes back from a file.
  return JSON.parse(JSON.stringify(Object.fromEntries(await Promise.all(entries)))) as Record<string, unknown>
}
