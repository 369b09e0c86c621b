import type {
  ComparedArm,
  ComparedRun,
  Cost,
  PairedComparison,
  PairedDifference,
  SweptRate,
} from '../../schemas/comparison.ts'
import { UserError } from '../../schemas/user-error.ts'
import type { Arm } from './arm.ts'
import { costToTarget } from './cost-to-target.ts'
import type { Outcome } from './outcome.ts'
import type { Pair } from './roster.ts'
import { pairedDifference } from './statistics/paired-difference.ts'
import { smallestPValue } from './statistics/sign-flip.ts'

/** A run that has ended; its outcome is null where it diverged. */
export interface EndedRun {
  readonly arm: string
  readonly seed: number
  readonly learningRate: number
  readonly folder: string
  readonly outcome: Outcome | null
}

/** What an experiment is compared by. */
export interface Plan {
  readonly seeds: readonly number[]
  readonly learningRates: readonly number[]
  /** The baseline first. */
  readonly arms: readonly Arm[]
  readonly pairs: readonly Pair[]
}

/**
 * Holds the arms of an experiment against each other: each at the learning rate with which its mean final bits per byte
 * is lowest, seed by seed.
 *
 * @throws UserError where an arm diverged at every learning rate, or runs were measured on different text.
 */
export function comparisonOf(
  plan: Plan,
  ended: readonly EndedRun[],
): { arms: ComparedArm[]; comparisons: PairedComparison[]; remarks: string[] } {
  checkHeldOut(ended)
  const [baseline] = plan.arms
  const chosen = new Map(plan.arms.map((arm) => [arm.name, choose(arm, plan, ended)]))
  const targets = chosen.get(baseline.name)?.outcomes.map(({ bitsPerByte }) => bitsPerByte) ?? []
  const arms = plan.arms.map(({ name, role, changes }): ComparedArm => {
    const { learningRate, sweep, runs, outcomes } = chosen.get(name) as Chosen
    return {
      name,
      role,
      changes: changes.map(({ path, value }) => `${path.join('.')}=${JSON.stringify(value)}`),
      learningRate,
      sweep,
      runs: runs.map(({ seed, folder }, i): ComparedRun => ({
        seed,
        folder,
        bitsPerByte: outcomes[i].bitsPerByte,
        ...outcomes[i].total,
        toBaseline: costToTarget(outcomes[i].curve, targets[i]),
      })),
    }
  })
  const byName = new Map(arms.map((arm) => [arm.name, arm]))
  const comparisons = plan.pairs.map(({ arm, against, as }) => ({
    arm,
    against,
    as,
    ...compareArms(byName.get(arm) as ComparedArm, byName.get(against) as ComparedArm),
  }))
  return { arms, comparisons, remarks: remarksOn(plan, arms, comparisons) }
}

interface Chosen {
  readonly learningRate: number
  readonly sweep: readonly SweptRate[]
  /** At the learning rate, in the order of seeds. */
  readonly runs: readonly EndedRun[]
  readonly outcomes: readonly Outcome[]
}

function choose({ name }: Arm, { seeds, learningRates }: Plan, ended: readonly EndedRun[]): Chosen {
  const own = ended.filter(({ arm }) => arm === name)
  const runsAt = (rate: number) =>
    seeds.map((seed) => own.find((run) => run.seed === seed && run.learningRate === rate) as EndedRun)
  const sweep = learningRates.map((learningRate): SweptRate => {
    const bitsPerByte = runsAt(learningRate).map(({ outcome }) => outcome?.bitsPerByte ?? null)
    const whole = bitsPerByte.filter((value) => value !== null)
    return { learningRate, mean: whole.length < seeds.length ? null : meanOf(whole), bitsPerByte }
  })
  const lowest = Math.min(...sweep.map(({ mean }) => mean ?? Infinity))
  const best = sweep.find(({ mean }) => mean === lowest)
  if (!best) {
    throw new UserError(
      `Arm \`${name}\` diverged with some seed at each of the learning rates ${learningRates.join(', ')}. Add a smaller one to \`learning-rates\`.`,
    )
  }
  const runs = runsAt(best.learningRate)
  return {
    learningRate: best.learningRate,
    sweep,
    runs,
    outcomes: runs.map(({ outcome }) => outcome as Outcome),
  }
}

function compareArms(
  arm: ComparedArm,
  other: ComparedArm,
): Pick<PairedComparison, 'bitsPerByte' | 'toBaseline'> {
  const bitsPerByte = pairedDifference(
    arm.runs.map((run) => run.bitsPerByte),
    other.runs.map((run) => run.bitsPerByte),
  )
  const [costs, others] = [arm, other].map(({ runs }) =>
    runs.map(({ toBaseline }) => toBaseline).filter((cost) => cost !== null),
  )
  if (costs.length < arm.runs.length || others.length < other.runs.length)
    return { bitsPerByte, toBaseline: null }
  const difference = (measure: keyof Cost): PairedDifference =>
    pairedDifference(
      costs.map((cost) => cost[measure]),
      others.map((cost) => cost[measure]),
    )
  return {
    bitsPerByte,
    toBaseline: {
      steps: difference('steps'),
      tokens: difference('tokens'),
      flops: difference('flops'),
      seconds: difference('seconds'),
    },
  }
}

function remarksOn(
  { seeds, learningRates }: Plan,
  arms: readonly ComparedArm[],
  comparisons: readonly PairedComparison[],
): string[] {
  const remarks = tooFewSeeds(seeds.length)
  if (learningRates.length === 1)
    remarks.push('Every arm had one learning rate alone: another arm may have won at another one.')
  for (const [end, rate] of learningRates.length === 1 ? [] : endsOf(learningRates)) {
    const there = arms.filter(({ learningRate }) => learningRate === rate).map(({ name }) => `\`${name}\``)
    if (there.length === 0) continue
    remarks.push(
      `The ${end} learning rate there was, ${rate}, was best for ${there.join(', ')}: one beyond it may be better.`,
    )
  }
  if (comparisons.length > 1)
    remarks.push(
      `There are ${comparisons.length} comparisons, each tested by itself at 5 %: were there no effect at all, ${(comparisons.length * 0.05).toFixed(1)} of them would be found to differ on average.`,
    )
  return remarks
}

function endsOf(values: readonly number[]): [string, number][] {
  return [
    ['smallest', Math.min(...values)],
    ['largest', Math.max(...values)],
  ]
}

/** What is to be said, before anything runs too, of a number of seeds with which no difference can be found. */
export function tooFewSeeds(seeds: number): string[] {
  const smallest = smallestPValue(seeds)
  if (smallest < 0.05) return []
  return [
    `With ${seeds} seeds the smallest p value that there can be is ${Number(smallest.toPrecision(3))}, so no difference can be found, whatever its size: give 6 seeds or more.`,
  ]
}

/** @throws UserError naming two arms that were measured on different text. */
function checkHeldOut(ended: readonly EndedRun[]): void {
  const [first, ...others] = ended.filter(({ outcome }) => outcome !== null)
  const other = others.find(({ outcome }) => outcome?.bytes !== first.outcome?.bytes)
  if (!other) return
  throw new UserError(
    `\`${first.folder}\` was measured on ${first.outcome?.bytes} bytes of held-out text and \`${other.folder}\` on ${other.outcome?.bytes}. Give \`evaluate\` the same \`tokens\` in every arm, and --out a new folder where the shards have changed.`,
  )
}

export function meanOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}
