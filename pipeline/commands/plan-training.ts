import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { Stage } from '../../stages/stage.ts'
import type { Averaging } from '../../stages/training/averaged-checkpoints.ts'
import { findResumePoint } from '../../stages/training/resume-point.ts'
import { runGraph } from '../compose.ts'
import { ancestors, type Graph, type GraphNode } from '../graph/graph.ts'
import { Counters } from '../progress.ts'

/**
 * What would run of a graph that is not cut into units, stage by stage, and what is reused, and why. Its stages rehearse
 * on what is there; nothing is changed.
 *
 * @param say takes a line at a time, those before a UserError too
 */
export async function rehearsal(graph: Graph, say: (line: string) => void): Promise<void> {
  const rehearsing = graph.nodes.filter(({ stage }) => 'rehearse' in stage)
  if (rehearsing.length === 0) return
  const taking = new Set(rehearsing.flatMap(({ id }) => [id, ...ancestors(graph, id).map((node) => node.id)]))
  const nodes = graph.nodes.filter(({ id }) => taking.has(id)).map(rehearsed)
  await runGraph({ ...graph, nodes }, new AbortController().signal, ({ id, options }, signal) => ({
    options,
    signal,
    stats: new Counters(),
    log: (sentence) => say(`${id}: ${sentence}`),
  }))
  const rest = graph.nodes.filter(({ id }) => !taking.has(id))
  if (rest.length > 0) say(await trainingOf(graph, rest))
}

function rehearsed(node: GraphNode): GraphNode {
  const { stage } = node
  const run: Stage['run'] = (items, context) => (stage.rehearse ?? stage.run)(items, context)
  return { ...node, stage: { ...stage, run } }
}

/** What becomes of the stages that keep nothing but the run. */
async function trainingOf(graph: Graph, nodes: readonly GraphNode[]): Promise<string> {
  const all = `${nodes.map(({ id }) => id).join(', ')} ${nodes.length === 1 ? 'runs' : 'run'} for every batch`
  const optionsOf = (name: string) => graph.nodes.find(({ stage }) => stage.name === name)?.options
  const run = optionsOf('record')?.to as string | undefined
  const checkpoint = optionsOf('checkpoint') as (Averaging & { readonly to: string }) | undefined
  if (run === undefined) return `${all}.`
  if (existsSync(join(run, 'run.json')))
    return `\`${run}\` holds a run that has reached its end, which stays as it is: name another folder.`
  if (!['steps.jsonl', 'checkpoints'].some((name) => existsSync(join(run, name))))
    return `${all}, since \`${run}\` holds no run yet.`
  const point = await findResumePoint(checkpoint?.to ?? run, run, checkpoint, () => {})
  const goesOn = `\`${run}\` holds a run, and \`train --resume ${run}\` goes on with it`
  if (!point) return `${goesOn} from its beginning, since no checkpoint of it is whole.`
  const { updates, steps } = point.state
  return `${goesOn} after ${updates} of ${steps} steps, since \`${point.folder}\` is whole.`
}
