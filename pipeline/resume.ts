import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import type { z } from 'zod'
import { UserError } from '../schemas/user-error.ts'
import type { EdgeKind } from '../stages/edges.ts'
import type { Log } from '../stages/stage.ts'
import type { Averaging } from '../stages/training/averaged-checkpoints.ts'
import { removeHalfWritten } from '../stages/training/half-written.ts'
import { findResumePoint, type ResumePoint } from '../stages/training/resume-point.ts'
import type { Graph, GraphNode } from './graph/graph.ts'
import { loadGraph } from './graph/load.ts'
import type { Assignment } from './graph/parse.ts'
import { identitiesIn } from './identities.ts'

/**
 * The graph that lies in a run's folder, from the run's newest whole checkpoint on; from its beginning where there is
 * none. What a process that was killed left half-written is removed: the caller keeps others out of the folder.
 *
 * @param changes assignments that lay a change over the graph, such as where the shards lie by now
 * @throws UserError where the folder holds no run, or one that was trained in another way than the graph says.
 */
export async function resumedGraph(run: string, changes: readonly Assignment[], log: Log): Promise<Graph> {
  const file = join(run, 'graph.yaml')
  if (!existsSync(file)) {
    throw new UserError(
      `\`${run}\` holds no run to go on with: it has no \`graph.yaml\`. Give the folder that \`train --out\` wrote.`,
    )
  }
  const given = await loadGraph(file, changes)
  const record = given.nodes.find(({ stage }) => stage.name === 'record')
  const checkpoint = given.nodes.find(({ stage }) => stage.name === 'checkpoint')
  if (!record || !checkpoint) {
    throw new UserError(
      `\`${file}\` has no \`${record ? 'checkpoint' : 'record'}\` stage, so that the run cannot go on. Run the graph anew.`,
    )
  }
  // The folder may have been moved since, or the command be run from elsewhere.
  const moved = given.nodes
    .filter(({ stage }) => ['record', 'checkpoint', 'record-dynamics', 'pack'].includes(stage.name))
    .filter(({ options }) => options.to === record.options.to)
    .map(({ id }) => assign(id, 'to', run))
  const folder = checkpoint.options.to === record.options.to ? run : (checkpoint.options.to as string)
  await removeHalfWritten(run)
  const point = await findResumePoint(folder, run, checkpoint.options as unknown as Averaging, log)
  if (!point) {
    log(`\`${resolve(folder)}\` has no checkpoint to go on from: the run starts over.`)
    return loadGraph(file, [...changes, ...moved])
  }
  const { state } = point
  const trained = join(point.folder, 'graph.yaml')
  if (existsSync(trained)) await checkTraining(await loadGraph(trained), given, point)
  log(`Going on after ${state.updates} of ${state.steps} steps, from \`${point.folder}\`.`)
  const idsOf = (name: string) => given.nodes.filter(({ stage }) => stage.name === name).map(({ id }) => id)
  return loadGraph(file, [
    ...changes,
    ...moved,
    // `pack` gives its last batch in any case: that of a run that was cut off after its last update ends it.
    ...idsOf('pack').map((id) => assign(id, 'from', state.batches)),
    ...['forward', 'optimize'].flatMap(idsOf).map((id) => assign(id, 'resume', point.folder)),
  ])
}

function assign(id: string, option: string, value: unknown): Assignment {
  return { path: ['stages', id, 'with', option], value }
}

/** What comes before is held against the checkpoint by the batches it gives, and what comes behind only watches. */
const trainingKinds: readonly EdgeKind[] = ['batches', 'forwarded', 'selected', 'gradients']

/** @throws UserError where two graphs, or the stages then and now, do not train alike, naming the first difference. */
async function checkTraining(
  trained: Graph,
  given: Graph,
  { folder: checkpoint, state: { identities, versions, gradus } }: ResumePoint,
): Promise<void> {
  const [before, now] = [trained, given].map(({ nodes }) =>
    nodes.filter(({ stage }) => stage.accepts.some((kind) => trainingKinds.includes(kind))),
  )
  const remedy = 'Put it back, or begin a new run.'
  const names = (nodes: readonly GraphNode[]) => nodes.map(({ stage }) => stage.name).join(', ')
  if (names(before) !== names(now)) {
    throw new UserError(
      `The checkpoint \`${checkpoint}\` was trained through ${names(before)}, and \`${given.file}\` goes through ${names(now)}. ${remedy}`,
    )
  }
  const current = await identitiesIn(now)
  before.forEach((node, i) => {
    const { id, stage, options } = now[i]
    const version = versions[node.id] ?? 1
    if (version !== stage.version) {
      throw new UserError(
        `The checkpoint \`${checkpoint}\` was trained with version ${version} of the stage \`${stage.name}\`, and this gradus has version ${stage.version}. Go on with the gradus that began the run (\`gradus\` in the checkpoint's \`training-state.json\` says ${gradus}), or begin a new run.`,
      )
    }
    const was = (identities[node.id] ?? node.options) as GraphNode['options']
    const is = (current[id] ?? options) as GraphNode['options']
    for (const option of Object.keys(node.stage.options.shape)) {
      if ((node.stage.options.shape[option] as z.ZodType).meta()?.cosmetic) continue
      if (isDeepStrictEqual(was[option], is[option])) continue
      const [valueBefore, value] = [node, now[i]].map(({ options }) => JSON.stringify(options[option]))
      const change =
        valueBefore === value ? `what ${value} holds has changed since` : `\`${given.file}\` says ${value}`
      throw new UserError(
        `The checkpoint \`${checkpoint}\` was trained with \`${option}\` of \`${node.id}\` at ${valueBefore}, and ${change}. ${remedy}`,
      )
    }
  })
}
