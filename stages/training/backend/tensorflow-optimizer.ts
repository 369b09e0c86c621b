import * as tf from '@tensorflow/tfjs-core'
import type { Scalar, Tensor, Tensor1D } from '@tensorflow/tfjs-core'
import type { Parameters } from '../model/parameters.ts'
import { bucketsOf, joined, partsOf } from '../optimizers/buckets.ts'
import { flatten } from '../optimizers/flat-tensors.ts'
import type { Optimizer, OptimizerSettings } from '../optimizers/optimizer.ts'
import { portableOptimizer } from '../optimizers/portable-optimizer.ts'
import { type AdamW, type Sgd, slotNames } from '../optimizers/rules.ts'
import { native } from './tensorflow-operations.ts'
import { dispose, tidy } from './tidy.ts'

/** TensorFlow has a fused kernel for AdamW and for momentum, and none for Lion. */
export function tensorflowOptimizer(parameters: Parameters, settings: OptimizerSettings): Optimizer {
  const { rule } = settings
  return rule.name === 'lion'
    ? portableOptimizer(parameters, settings)
    : resourceOptimizer(parameters, { ...settings, rule })
}

/** Parameters of up to this many numbers are copied end to end, which takes less time than an update of each. */
const copiedNumbers = 2 ** 17

let variables = 0

/**
 * An optimizer in TensorFlow's own fused kernels: parameters and what the rule remembers are resource variables that
 * are updated in place, in one pass over memory, where tfjs-core's operations would take fifteen passes and as many new
 * tensors.
 */
function resourceOptimizer(
  parameters: Parameters,
  settings: OptimizerSettings & { readonly rule: AdamW | Sgd },
): Optimizer {
  const { rule } = settings
  const slots = slotNames[rule.name]
  const { run, float, bool, text, shape } = native()

  const read = (variable: Tensor): Tensor => run('ReadVariableOp', [float('dtype')], [variable], 1)[0]
  const assign = (variable: Tensor, value: Tensor) =>
    run('AssignVariableOp', [float('dtype')], [variable, value], 0)
  const create = (value: Tensor): Tensor => {
    // The name tells variables of one process apart; TensorFlow keeps them by name.
    const name = [text('shared_name', `optimizer-${variables++}`), text('container', '')]
    const [variable] = run('VarHandleOp', [float('dtype'), shape('shape', value.shape), ...name], [], 1)
    assign(variable, value)
    return tf.keep(variable)
  }
  const destroy = (variable: Tensor) => {
    run('DestroyResourceOp', [bool('ignore_lookup_error', true)], [variable], 0)
    variable.dispose()
  }

  const states = tidy(() =>
    bucketsOf(parameters, settings, copiedNumbers).map((bucket) => {
      const own = bucket.names.map((name) => parameters.get(name))
      const value = flatten(own)
      return {
        bucket,
        value: create(value),
        slots: slots.map(() => create(tf.zerosLike(value))),
        /** The parameters that the variable's value is. */
        seen: own,
      }
    }),
  )
  let updates = 0

  const attributes = [float('T'), bool('use_locking', false), bool('use_nesterov', false)]
  /** The fused kernel, for one update; `scalar` makes each number once. */
  const kernel = (scalar: (x: number) => Scalar) => {
    if (rule.name === 'sgd') {
      const momentum = scalar(rule.momentum)
      return (variables: Tensor[], rate: Scalar, gradient: Tensor) =>
        run('ResourceApplyMomentum', attributes, [...variables, rate, gradient, momentum], 0)
    }
    const { beta1, beta2, epsilon } = rule
    const powers = [beta1 ** updates, beta2 ** updates].map(scalar)
    // TensorFlow adds epsilon before the second moment is corrected; this epsilon makes up for it.
    const rest = [beta1, beta2, epsilon * Math.sqrt(1 - beta2 ** updates)].map(scalar)
    return (variables: Tensor[], rate: Scalar, gradient: Tensor) =>
      run('ResourceApplyAdam', attributes, [...variables, ...powers, rate, ...rest, gradient], 0)
  }

  return {
    rule,

    get updates() {
      return updates
    },

    update(gradients, learningRate, scale) {
      updates++
      tidy(() => {
        const scalars = new Map<number, Scalar>()
        const scalar = (x: number) => {
          const known = scalars.get(x) ?? tf.scalar(x)
          scalars.set(x, known)
          return known
        }
        const apply = kernel(scalar)
        for (const state of states) {
          const { bucket, value, slots, seen } = state
          const rate = learningRate * bucket.rate
          const [step, shrinking, scaling] = [rate, rate * bucket.decay, scale].map(scalar)
          const own = bucket.names.map((name) => parameters.get(name))
          if (own.some((parameter, i) => parameter !== seen[i])) tidy(() => assign(value, flatten(own)))
          // The variable is updated in place only while nothing else reads its memory.
          dispose(own)
          if (bucket.decay > 0) {
            const decayed = tidy(() => tf.mul(read(value), shrinking))
            run('AssignSubVariableOp', [float('dtype')], [value, decayed], 0)
            decayed.dispose()
          }
          state.seen = tidy(() => {
            const gradient = flatten(bucket.names.map((name) => gradientOf(gradients, name)))
            apply([value, ...slots], step, scale === 1 ? gradient : tf.mul(gradient, scaling))
            const updated = read(value) as Tensor1D
            const parts = own.length === 1 ? [updated] : tf.split(updated, bucket.sizes)
            return bucket.names.map((name, i) => tf.keep(tf.reshape(parts[i], parameters.shape(name))))
          })
          bucket.names.forEach((name, i) => parameters.set(name, state.seen[i]))
        }
      })
    },

    async export() {
      const state = new Map<string, Record<string, Float32Array>>()
      for (const { bucket, slots: variables } of states) {
        const values = await Promise.all(variables.map((variable) => contents(read(variable))))
        for (const [name, parts] of partsOf(bucket, slots, values)) state.set(name, parts)
      }
      return state
    },

    import(state, made) {
      tidy(() => {
        for (const { bucket, slots: variables } of states) {
          slots.forEach((slot, i) => assign(variables[i], tf.tensor1d(joined(bucket, slot, state))))
        }
      })
      updates = made
    },

    dispose() {
      for (const { value, slots } of states) [value, ...slots].forEach(destroy)
      states.length = 0
    },
  }
}

/** Euclidean norm of all gradients together. */
export async function tensorflowNorm(gradients: Iterable<Tensor>): Promise<number> {
  const { run, float } = native()
  const sum = tidy(() => tf.addN(Array.from(gradients, (g) => run('L2Loss', [float('T')], [g], 1)[0])))
  const [half] = await contents(sum)
  return Math.sqrt(2 * half)
}

function gradientOf(gradients: ReadonlyMap<string, Tensor>, name: string): Tensor {
  const gradient = gradients.get(name)
  if (!gradient) throw new Error(`No gradient was computed for ${name}.`)
  return gradient
}

async function contents(tensor: Tensor): Promise<Float32Array> {
  const values = (await tensor.data()) as Float32Array
  tensor.dispose()
  return values
}
