import type { Plot } from '../plot/plot.ts'

/** Whatever follows the progress of a run: what it is, where it is from, how it looks, and how a graph asks for it. */
export interface Schedule {
  readonly kind:
    'order' | 'pacing' | 'sequence-length' | 'mixture' | 'learning-rate' | 'average' | 'keep-ratio' | 's-loss'
  readonly name: string
  /** One sentence. */
  readonly summary: string
  readonly formula: string
  readonly source: string
  /** A stage of a graph, in YAML. */
  readonly yaml: string
  readonly plot: Plot
}
