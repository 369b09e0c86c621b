/** Shape of the learning rate after its warm-up. */
export type LearningRateSchedule = 'constant' | 'linear' | 'cosine'

export interface LearningRate {
  /** Highest learning rate, reached at the end of the warm-up. */
  readonly peak: number
  readonly schedule: LearningRateSchedule
  /** Steps over which the rate rises to its peak. */
  readonly warmUp: number
  /** Share of the peak towards which `linear` and `cosine` fall. */
  readonly final: number
}

/** Share of the way from the peak to the final rate that is left at z, the progress in [0, 1] after the warm-up. */
const shapes: Readonly<Record<LearningRateSchedule, (z: number) => number>> = {
  constant: () => 1,
  linear: (z) => 1 - z,
  cosine: (z) => (1 + Math.cos(Math.PI * z)) / 2,
}

/**
 * Learning rate of `step`, counted from 0, in a run of `steps` steps.
 *
 * The warm-up rises linearly and leaves no step without a rate: peak · (step + 1) / warmUp. After it, with
 * z = (step − warmUp) / (steps − warmUp): peak · (final + (1 − final) · shape(z)).
 */
export function learningRate(rate: LearningRate, step: number, steps: number): number {
  const { peak, schedule, warmUp, final } = rate
  if (step < warmUp) return (peak * (step + 1)) / warmUp
  const z = (step - warmUp) / (steps - warmUp)
  return peak * (final + (1 - final) * shapes[schedule](z))
}
