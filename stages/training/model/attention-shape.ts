import type { HeadSizes } from './rotary.ts'

/** Causal self-attention of B sequences of T tokens; `heads` H and `kvHeads` K of width d, G = H/K. */
export interface AttentionShape extends HeadSizes {
  readonly sequences: number
  readonly length: number
}
