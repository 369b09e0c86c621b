import * as tf from '@tensorflow/tfjs-core'
import type { Scalar, Tensor } from '@tensorflow/tfjs-core'
import type { Parameters } from '../model/parameters.ts'
import { factorsOf } from '../optimizers/groups.ts'
import type { Optimizer, OptimizerSettings } from '../optimizers/optimizer.ts'
import { portableOptimizer } from '../optimizers/portable-optimizer.ts'
import { type AdamW, type Sgd, slotNames } from '../optimizers/rules.ts'
import { native } from './tensorflow-operations.ts'
import { tidy } from './tidy.ts'

/** TensorFlow has a fused kernel for AdamW and for momentum, and none for Lion. */
export function tensorflowOptimizer(parameters: Parameters, settings: OptimizerSettings): Optimizer {
  const { rule } = settings
  return rule.name === 'lion'
    ? portableOptimizer(parameters, settings)
    : resourceOptimizer(parameters, { ...settings, rule })
}

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
    parameters.names.map((name) => {
      const parameter = parameters.get(name)
      return {
        name,
        ...factorsOf(name, parameter.shape, settings),
        value: create(parameter),
        slots: slots.map(() => create(tf.zerosLike(parameter))),
        /** The parameter that the variable's value is. */
        seen: parameter,
      }
    }),
  )
  let updates = 0

  const attributes = [float('T'), bool('use_locking', false), bool('use_nesterov', false)]
  /** The fused kernel, for one update; `scalar` makes each number once. */
  const kernel = (scalar: (x: number) => Scalar) => {
    if (rule.name === 'sgd') {
      const momentum = scalar(rule.momentum)
      return (variables: Tensor[], rate: number, gradient: Tensor) =>
        run('ResourceApplyMomentum', attributes, [...variables, scalar(rate), gradient, momentum], 0)
    }
    const { beta1, beta2, epsilon } = rule
    const powers = [beta1 ** updates, beta2 ** updates].map(scalar)
    // TensorFlow adds epsilon before the second moment is corrected; this epsilon makes up for it.
    const rest = [beta1, beta2, epsilon * Math.sqrt(1 - beta2 ** updates)].map(scalar)
    return (variables: Tensor[], rate: number, gradient: Tensor) =>
      run('ResourceApplyAdam', attributes, [...variables, ...powers, scalar(rate), ...rest, gradient], 0)
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
          const { name, value, slots, decay } = state
          const rate = learningRate * state.rate
          const parameter = parameters.get(name)
          if (parameter !== state.seen) assign(value, parameter)
          const decayed = decay > 0 ? tf.mul(parameter, scalar(rate * decay)) : undefined
          // The variable is updated in place only while nothing else reads its memory.
          parameter.dispose()
          if (decayed) run('AssignSubVariableOp', [float('dtype')], [value, decayed], 0)
          decayed?.dispose()
          const given = gradientOf(gradients, name)
          const gradient = scale === 1 ? given : tf.mul(given, scalar(scale))
          apply([value, ...slots], rate, gradient)
          if (gradient !== given) gradient.dispose()
          state.seen = tf.keep(read(value))
          parameters.set(name, state.seen)
        }
      })
    },

    async export() {
      const state = new Map<string, Record<string, Float32Array>>()
      for (const { name, slots: variables } of states) {
        const values = await Promise.all(variables.map((variable) => contents(read(variable))))
        state.set(name, Object.fromEntries(slots.map((slot, i) => [slot, values[i]])))
      }
      return state
    },

    import(state, made) {
      tidy(() => {
        for (const { name, slots: variables } of states) {
          slots.forEach((slot, i) => {
            const values = state.get(name)?.[slot] as Float32Array
            assign(variables[i], tf.tensor(values, parameters.shape(name)))
          })
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
