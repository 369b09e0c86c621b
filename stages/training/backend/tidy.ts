import * as tf from '@tensorflow/tfjs-core'

/**
 * tfjs-core's `tidy`: disposes of every tensor made in `work` that its result does not hold, and of all of them when
 * it throws. It looks for tensors in arrays and plain objects, not in maps. tfjs-core's own type refuses interfaces.
 */
export const tidy = tf.tidy as <T>(work: () => T) => T

/** Disposes of every tensor in arrays and plain objects. */
export const dispose = tf.dispose as (tensors: unknown) => void
