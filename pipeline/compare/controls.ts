import type { Graph } from '../graph/graph.ts'
import type { Assignment } from '../graph/parse.ts'
import { type Arm, onlyNode } from './arm.ts'
import type { ControlName } from './control-names.ts'

/** A control: the arm with one thing taken from it. */
export interface Control {
  readonly name: ControlName
  readonly arm: Arm
}

/**
 * The controls of an arm that can be told from its graph:
 *
 *     random-order   where there is a curriculum: the same without it
 *     reversed       where there is a curriculum: the hardest documents first, or the easiest after `descending`
 *     random-keep    where OHEM leaves something out: as much kept at random
 */
export function controlsOf(arm: Arm, graph: Graph, wanted: readonly ControlName[]): Control[] {
  const order = onlyNode(arm, graph, 'order')
  const { order: name, difficulty } = order.options as { order: string; difficulty?: unknown }
  const hasCurriculum = name !== 'random'
  const weighsByHardness = graph.nodes.some(({ stage }) => stage.name === 's-loss')
  const made = (control: ControlName, changes: Assignment[]): Control => {
    return { name: control, arm: controlArm(arm, control, changes) }
  }
  const ordered = (options: object): Assignment => ({ path: ['stages', order.id, 'with'], value: options })
  const sameDifficulty = difficulty === undefined ? {} : { difficulty }
  const controls: Control[] = []
  if (hasCurriculum) {
    const random = { order: 'random', ...(weighsByHardness && sameDifficulty) }
    const reversed = { order: name === 'descending' ? 'ascending' : 'descending', ...sameDifficulty }
    controls.push(made('random-order', [ordered(random)]), made('reversed', [ordered(reversed)]))
  }
  for (const { id, stage, options } of graph.nodes) {
    if (stage.name !== 'ohem' || options.keep === 1) continue
    const { keep, granularity } = options
    const random = { use: 'random-keep', with: { keep, granularity } }
    controls.push(
      made(
        'random-keep',
        Object.entries(random).map(([key, value]) => ({ path: ['stages', id, key], value })),
      ),
    )
  }
  return controls.filter(({ name }) => wanted.includes(name))
}

/**
 * The baseline with the floating-point operations of another arm: as many steps as they amount to, its learning rate's
 * warm-up in proportion.
 *
 * @param ratio operations of the arm's runs over those of the baseline's
 * @returns undefined where that is as many steps as the baseline has.
 */
export function equalFlops(
  arm: Arm,
  baseline: { arm: Arm; graph: Graph; steps: number; tokensPerStep: number },
  ratio: number,
): Control | undefined {
  // The quotient of two sums may round to just below a whole number of steps.
  const steps = Math.max(2, Math.floor(baseline.steps * ratio + 1e-6))
  if (steps === baseline.steps) return undefined
  const { id, options } = onlyNode(baseline.arm, baseline.graph, 'optimize')
  const warmUp = Math.ceil(((options['warm-up'] as number) * steps) / baseline.steps)
  const changes = [{ path: ['stages', id, 'with', 'warm-up'], value: warmUp }]
  const tokens = steps * baseline.tokensPerStep
  const control = controlArm(baseline.arm, 'equal-flops', changes)
  return { name: 'equal-flops', arm: { ...control, name: `${arm.name}.equal-flops`, tokens } }
}

function controlArm(arm: Arm, control: ControlName, changes: Assignment[]): Arm {
  return {
    ...arm,
    name: `${arm.name}.${control}`,
    role: 'control',
    assignments: [...arm.assignments, ...changes],
    changes: [...arm.changes, ...changes],
  }
}
