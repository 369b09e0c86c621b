import type { StoredTensor } from '../../schemas/safetensors.ts'
import { UserError } from '../../schemas/user-error.ts'

/**
 * What ends a run whose numbers are no longer finite.
 * @param sign what is not finite, and after or in which step
 * @param batch a sentence about the batch in which it shows
 */
export function divergence(sign: string, batch?: string): UserError {
  return new UserError(
    [
      `${sign}: training diverged.`,
      ...(batch === undefined ? [] : [batch]),
      'Checkpoints written so far stay. Lower `peak` of `optimize`, or raise its `warm-up`, and begin a new run.',
    ].join(' '),
  )
}

/**
 * Looks at every number of what an update left.
 * @throws UserError where one is not finite.
 */
export function checkFinite(tensors: ReadonlyMap<string, StoredTensor>, updates: number): void {
  for (const [name, { values }] of tensors) {
    // Each by itself: a sum of large numbers that are finite may not be.
    for (let i = 0; i < values.length; i++) {
      if (!Number.isFinite(values[i]))
        throw divergence(`\`${name}\` holds ${values[i]} after ${updates} steps`)
    }
  }
}
