import type { Pacing } from '../../training/schedules/pacing.ts'

/**
 * `[n]` tokens that each of the documents which an order arranges takes in training, its separator included; at least 1.
 * An order knows documents by their places from the easiest, 0, to the hardest, n - 1. Two bytes hold most lengths.
 */
export type Lengths = Uint16Array | Uint32Array

/** What a share of the corpus is a share of. */
export const measures = ['tokens', 'documents'] as const
export type Measure = (typeof measures)[number]

/** What orders can be told. Each reads the settings that it has a default for. */
export interface OrderSettings {
  /** Groups of equal size into which the corpus is cut by difficulty. */
  readonly groups: number
  /** How fast the corpus opens. */
  readonly pacing: Pacing
  /** Whether groups and pools are measured in tokens or in documents. */
  readonly by: Measure
  /** Share of the corpus that is easy, or open at the beginning. */
  readonly share: number
  /** Progress in [0, 1] at which a phase ends. */
  readonly until: number
  /** How often the run goes through all difficulties. */
  readonly segments: number
  /** Progress in [0, 1] at which the hardest documents come. */
  readonly peak: number
  /** Pools of a run that hold everything. */
  readonly cycles: number
  /** Size of a pool over that of the next larger one, in (0, 1). */
  readonly alpha: number
  /** Abilities of the model, in logits of difficulty, at equal parts of the run from its beginning to its end. */
  readonly abilities: readonly number[]
  /** Distance from one half, in (0, 0.5), that the probability of being right may have. */
  readonly band: number
}

/** Consecutive documents of an order, all of one phase, by their places. */
export interface Stretch {
  readonly phase: number
  readonly places: Uint32Array
}

export interface Order {
  /** One sentence for people. */
  readonly summary: string
  /** What comes at progress t, the share of the run's tokens before a document; q is a document's quantile of difficulty. */
  readonly formula: string
  /** Where it is from. */
  readonly source: string
  /** The settings that it reads, with their defaults. */
  readonly defaults: Partial<OrderSettings>
  /** Whether places are those of the corpus, so that the order is the same whatever metrics there are. */
  readonly ignoresDifficulty?: boolean
  /**
   * Arranges documents until they amount to `tokens` or, with the last document's rest, more, in stretches that are
   * small beside a large corpus. A pure function of its arguments and the seed.
   */
  arrange(lengths: Lengths, tokens: number, seed: number, settings: OrderSettings): Generator<Stretch>
}
