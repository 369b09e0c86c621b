import type { Machine } from './run-record.ts'

/** What `compare` leaves in its folder beside a folder a run: `compare.json`. */
export interface Comparison {
  readonly version: 1
  readonly gradus: string
  readonly experiment: string
  readonly machine: Machine
  readonly baseline: string
  readonly seeds: readonly number[]
  readonly learningRates: readonly number[]
  /** Predicted tokens of a run, in every arm but those that have another budget for a control. */
  readonly tokens: number
  readonly arms: readonly ComparedArm[]
  readonly comparisons: readonly PairedComparison[]
  /** What a reader must know to judge the figures, a sentence each. */
  readonly remarks: readonly string[]
}

export type ArmRole = 'baseline' | 'treatment' | 'control'

export interface ComparedArm {
  readonly name: string
  readonly role: ArmRole
  /** What sets it apart, as assignments. */
  readonly changes: readonly string[]
  /** That with the fewest mean final bits per byte. */
  readonly learningRate: number
  readonly sweep: readonly SweptRate[]
  /** At the chosen learning rate, a run a seed. */
  readonly runs: readonly ComparedRun[]
}

export interface SweptRate {
  readonly learningRate: number
  /** Null where a run diverged. */
  readonly mean: number | null
  /** Final held-out bits per byte, a seed each; null where the run diverged. */
  readonly bitsPerByte: readonly (number | null)[]
}

/** What a stretch of training took, from the run's beginning. */
export interface Cost {
  readonly steps: number
  readonly tokens: number
  /** Floating-point operations. */
  readonly flops: number
  /** Wall-clock seconds in steps. */
  readonly seconds: number
}

export interface ComparedRun extends Cost {
  readonly seed: number
  readonly folder: string
  /** Held out, at the run's end. */
  readonly bitsPerByte: number
  /** What it took to the final bits per byte that the baseline has with this seed; null where it never came there. */
  readonly toBaseline: Cost | null
}

export type Verdict = 'better' | 'worse' | 'no difference found'

/** One arm less another, by seed. Less is better in every measure. */
export interface PairedDifference {
  readonly differences: readonly number[]
  readonly mean: number
  /** 95 % bootstrap interval of the mean. */
  readonly interval: readonly [low: number, high: number]
  /** Of the exact two-sided sign-flip test. */
  readonly pValue: number
  readonly verdict: Verdict
}

export interface PairedComparison {
  readonly arm: string
  readonly against: string
  /** What the other arm is for this one, such as `baseline` or `random-keep`. */
  readonly as: string
  readonly bitsPerByte: PairedDifference
  /** What it took to the baseline's final bits per byte; null where a run of either arm never came there. */
  readonly toBaseline: Readonly<Record<keyof Cost, PairedDifference>> | null
}
