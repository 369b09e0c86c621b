/** The options of `checkpoint` that say which models the mean is of. */
export interface Averaging {
  readonly average: string
  readonly every: number
  readonly 'average-of'?: number | undefined
}

/** Checkpoints that the mean is of, at most. */
export function averagedOf({ 'average-of': count = 6 }: Pick<Averaging, 'average-of'>): number {
  return count
}

/**
 * Whether a checkpoint after so many updates is there in every run alike, and not because one was stopped or asked for
 * it, or its model was the best so far. The mean is of these, so that a run that was stopped comes to the same.
 */
export function isRegular(updates: number, steps: number, every: number): boolean {
  return updates === steps || (every > 0 && updates % every === 0)
}

/** Whether the mean at the end of a run of `steps` updates is of the model after so many. */
export function isAveraged(updates: number, steps: number, options: Averaging): boolean {
  const { average, every } = options
  if (average === 'none' || !isRegular(updates, steps, every)) return false
  const later = updates === steps ? 0 : 1 + Math.floor((steps - 1) / every) - updates / every
  return later < averagedOf(options)
}
