import * as tf from '@tensorflow/tfjs-core'
import type { Tensor1D } from '@tensorflow/tfjs-core'
import { dispose, tidy } from '../backend/tidy.ts'
import type { Parameters } from '../model/parameters.ts'
import { type Bucket, bucketsOf, joined, partsOf } from './buckets.ts'
import { flatten } from './flat-tensors.ts'
import type { Optimizer, OptimizerSettings } from './optimizer.ts'
import { type AdamW, type Lion, type Rule, type Sgd, slotNames } from './rules.ts'

/**
 * Any rule on tfjs-core's own operations, for back ends that have no faster way. Parameters that are updated alike are
 * laid end to end, so that an update takes some twenty operations for many tensors rather than for each.
 */
export function portableOptimizer(parameters: Parameters, settings: OptimizerSettings): Optimizer {
  const { rule } = settings
  const names = slotNames[rule.name]
  const buckets = bucketsOf(parameters, settings).map((bucket): RememberingBucket => ({
    ...bucket,
    slots: tidy(() => names.map(() => tf.keep(tf.zeros<tf.Rank.R1>([bucket.size])))),
  }))
  let updates = 0

  const remember = (bucket: RememberingBucket, slots: readonly Tensor1D[]) => {
    dispose(bucket.slots)
    bucket.slots = slots.map((slot) => tf.keep(slot))
  }

  return {
    rule,

    get updates() {
      return updates
    },

    update(gradients, learningRate, scale) {
      updates++
      for (const bucket of buckets) {
        tidy(() => {
          const gradient = tf.mul<Tensor1D>(
            flatten(bucket.names.map((name) => gradients.get(name) as tf.Tensor)),
            scale,
          )
          const { direction, slots } = stepOf(rule, gradient, bucket.slots, updates)
          const rate = learningRate * bucket.rate
          const before = flatten(bucket.names.map((name) => parameters.get(name)))
          const decayed = bucket.decay > 0 ? tf.mul(before, 1 - rate * bucket.decay) : before
          const after = tf.split(tf.sub(decayed, tf.mul(direction, rate)), bucket.sizes)
          remember(bucket, slots)
          bucket.names.forEach((name, i) =>
            parameters.set(name, tf.reshape(after[i], parameters.shape(name))),
          )
        })
      }
    },

    async export() {
      const state = new Map<string, Record<string, Float32Array>>()
      for (const bucket of buckets) {
        const slots = await Promise.all(bucket.slots.map((slot) => slot.data() as Promise<Float32Array>))
        for (const [name, parts] of partsOf(bucket, names, slots)) state.set(name, parts)
      }
      return state
    },

    import(state, made) {
      for (const bucket of buckets) {
        remember(
          bucket,
          names.map((slot) => tf.tensor1d(joined(bucket, slot, state))),
        )
      }
      updates = made
    },

    dispose() {
      for (const { slots } of buckets) dispose(slots)
      buckets.length = 0
    },
  }
}

interface RememberingBucket extends Bucket {
  /** What the rule remembers of all its numbers, in the order of `slotNames`. */
  slots: readonly Tensor1D[]
}

interface Step {
  /** What the parameters move against, times the learning rate. */
  readonly direction: Tensor1D
  readonly slots: readonly Tensor1D[]
}

/** @param updates those made with this one */
function stepOf(rule: Rule, gradient: Tensor1D, slots: readonly Tensor1D[], updates: number): Step {
  switch (rule.name) {
    case 'adamw':
      return adamW(rule, gradient, slots, updates)
    case 'lion':
      return lion(rule, gradient, slots)
    case 'sgd':
      return sgd(rule, gradient, slots)
  }
}

function adamW(
  { beta1, beta2, epsilon }: AdamW,
  gradient: Tensor1D,
  slots: readonly Tensor1D[],
  updates: number,
): Step {
  const first = mix(slots[0], gradient, beta1)
  const second = mix(slots[1], tf.square(gradient), beta2)
  const correction = (1 - beta1 ** updates) / Math.sqrt(1 - beta2 ** updates)
  const root = tf.add(tf.mul(tf.sqrt(second), correction), epsilon * (1 - beta1 ** updates))
  return { direction: tf.div(first, root), slots: [first, second] }
}

function lion({ beta1, beta2 }: Lion, gradient: Tensor1D, [mean]: readonly Tensor1D[]): Step {
  // Some back ends have no sign for numbers below 1e-7.
  const large = 2 ** 40
  const weighted = tf.add<Tensor1D>(tf.mul(mean, beta1 * large), tf.mul(gradient, (1 - beta1) * large))
  return { direction: tf.sign(weighted), slots: [mix(mean, gradient, beta2)] }
}

function sgd({ momentum }: Sgd, gradient: Tensor1D, [buffer]: readonly Tensor1D[]): Step {
  const sum = tf.add<Tensor1D>(tf.mul(buffer, momentum), gradient)
  return { direction: sum, slots: [sum] }
}

/** share·a + (1 − share)·b */
function mix(a: Tensor1D, b: Tensor1D, share: number): Tensor1D {
  return tf.add(tf.mul(a, share), tf.mul(b, 1 - share))
}
