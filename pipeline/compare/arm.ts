import type { ArmRole } from '../../schemas/comparison.ts'
import { UserError } from '../../schemas/user-error.ts'
import type { Graph, GraphNode } from '../graph/graph.ts'
import { loadGraph } from '../graph/load.ts'
import type { Assignment } from '../graph/parse.ts'
import { builtInGraph } from '../graphs.ts'
import type { Experiment } from './experiment.ts'

/** A way to train: a graph whose seed, learning rate and folder are still to be filled in. */
export interface Arm {
  readonly name: string
  readonly role: ArmRole
  readonly file: string
  /** What lies over the file. */
  readonly assignments: readonly Assignment[]
  /** Those of them that set the arm apart. */
  readonly changes: readonly Assignment[]
  /** Tokens that a run predicts; undefined where it is the experiment's steps in batches of this arm. */
  readonly tokens: number | undefined
}

/** One run of an arm. */
export interface RunSettings {
  readonly seed: number
  readonly learningRate: number
  readonly folder: string
}

/** An arm of the experiment's own. */
export function givenArm(name: string, role: ArmRole, experiment: Experiment, tokens?: number): Arm {
  const { graph, set } = experiment.arms[name]
  const base = graph ?? experiment.graph
  const isBuiltIn = base === 'train'
  return {
    name,
    role,
    file: isBuiltIn ? builtInGraph('train') : base,
    assignments: [...(isBuiltIn ? plainTraining(experiment) : []), ...experiment.set, ...set],
    changes: set,
    tokens,
  }
}

/** The built-in graph with neither curriculum nor selection: all of a batch is kept, so that arms only turn `keep` down. */
function plainTraining({ steps }: Experiment): Assignment[] {
  return [
    { path: ['stages', 'order', 'with', 'order'], value: 'random' },
    { path: ['stages', 'ohem', 'with', 'keep'], value: 1 },
    { path: ['stages', 'optimize', 'with', 'warm-up'], value: Math.ceil(steps / 10) },
  ]
}

/**
 * The graph of one run: what belongs to the experiment is the same in every arm, whatever the arm's file says.
 * @throws UserError where the arm cannot be compared.
 */
export async function armGraph(arm: Arm, experiment: Experiment, run: RunSettings): Promise<Graph> {
  const given = await load(arm, [])
  refuseOwned(arm, given)
  const [read, order, optimize, evaluate, checkpoint, record] = [
    'read-shards',
    'order',
    'optimize',
    'evaluate',
    'checkpoint',
    'record',
  ].map((name) => onlyNode(arm, given, name))
  const tokens = arm.tokens ?? experiment.steps * tokensPerStep(arm, given)
  const steps = tokens / tokensPerStep(arm, given)
  const recording = given.nodes.filter(
    ({ stage, options }) =>
      stage.name === 'record-dynamics' || (stage.name === 'pack' && options.to !== undefined),
  )
  const seeded = given.nodes.filter(({ stage }) => 'seed' in stage.options.shape)
  const at = ({ id }: GraphNode, option: string, value: unknown): Assignment => {
    return { path: ['stages', id, 'with', option], value }
  }
  return load(arm, [
    at(read, 'shards', experiment.shards),
    at(order, 'tokens', tokens),
    ...seeded.map((node) => at(node, 'seed', run.seed)),
    at(optimize, 'peak', run.learningRate),
    at(evaluate, 'every', Math.max(1, Math.round(steps / experiment.evaluations))),
    ...[checkpoint, record, ...recording].map((node) => at(node, 'to', run.folder)),
  ])
}

/** Predicted tokens of an update. */
export function tokensPerStep(arm: Arm, graph: Graph): number {
  const { rows, length } = onlyNode(arm, graph, 'pack').options as { rows: number; length: number }
  return rows * length * (onlyNode(arm, graph, 'optimize').options.accumulate as number)
}

/** The graph's one stage of that name. @throws UserError where it has none, or several. */
export function onlyNode({ name, file }: Arm, { nodes }: Graph, stage: string): GraphNode {
  const found = nodes.filter((node) => node.stage.name === stage)
  if (found.length === 1) return found[0]
  throw new UserError(
    `Arm \`${name}\` cannot be compared: its graph \`${file}\` has ${found.length === 0 ? 'no' : 'more than one'} \`${stage}\` stage, where one is needed.`,
  )
}

async function load({ name, file, assignments }: Arm, more: readonly Assignment[]): Promise<Graph> {
  try {
    return await loadGraph(file, [...assignments, ...more])
  } catch (error) {
    if (!(error instanceof UserError)) throw error
    throw new UserError(`Arm \`${name}\` has no graph that can run.\n${error.message}`)
  }
}

/** What the experiment says for every arm alike, by option. */
const owners: Readonly<Record<string, string>> = {
  'read-shards.shards': '`shards`',
  'order.tokens': '`steps`',
  'optimize.peak': '`learning-rates`',
  'evaluate.every': '`evaluations`',
  'checkpoint.to': '--out',
  'record.to': '--out',
}

/** @throws UserError where an assignment sets what would then be set over it. */
function refuseOwned({ name, assignments }: Arm, { nodes }: Graph): void {
  for (const { path } of assignments) {
    const [, id, , option] = path
    const stage = nodes.find((node) => node.id === id)?.stage.name ?? id
    const owner = option === 'seed' ? '`seeds`' : owners[`${stage}.${option}`]
    if (owner === undefined) continue
    throw new UserError(
      `Arm \`${name}\` sets \`${path.join('.')}\`, which is the same in every arm and comes from ${owner}. Leave it out.`,
    )
  }
}
