import type { Pacing } from '../../training/schedules/pacing.ts'

/** The documents that an order arranges, numbered from 0. */
export interface RankedCorpus {
  /** `[n]` tokens that each document takes in training, its separator included; at least 1. */
  readonly lengths: Uint32Array
  /** `[n]` documents from the easiest to the hardest. */
  readonly ascending: Uint32Array
}

/** What orders can be told. Each reads the settings that it names in `takes`. */
export interface OrderSettings {
  /** Groups of equal size in tokens into which the corpus is cut by difficulty. */
  readonly groups: number
  /** How fast groups open. */
  readonly pacing: Pacing
  /** Share of the corpus, in tokens, that is easy. */
  readonly share: number
  /** Progress in [0, 1] at which a phase ends. */
  readonly until: number
}

/** Consecutive documents of an order, all of one phase. */
export interface Stretch {
  readonly phase: number
  readonly documents: Uint32Array
}

export interface Order {
  /** One sentence for people. */
  readonly summary: string
  readonly takes: readonly (keyof OrderSettings)[]
  /**
   * Arranges documents until they amount to `tokens` or, with the last document's rest, more. A pure function of its
   * arguments and the seed.
   */
  arrange(corpus: RankedCorpus, tokens: number, seed: number, settings: OrderSettings): Generator<Stretch>
}
