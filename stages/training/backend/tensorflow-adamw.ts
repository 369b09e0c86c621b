import * as tf from '@tensorflow/tfjs-core'
import type { Tensor } from '@tensorflow/tfjs-core'
import { tidy } from './tidy.ts'
import type { Parameters } from '../model/parameters.ts'
import type { AdamW, AdamWSettings, Moments } from './kernels.ts'
import { native } from './tensorflow-operations.ts'

let variables = 0

/**
 * AdamW in TensorFlow's own fused kernel: parameters and moments are resource variables that are updated in place, in
 * one pass over memory, where tfjs-core's operations would take fifteen passes and as many new tensors.
 */
export function resourceAdamW(parameters: Parameters, settings: AdamWSettings): AdamW {
  const { beta1, beta2, epsilon, decay, clip } = settings
  const { run, float, bool, text, shape } = native()

  const read = (variable: Tensor): Tensor => run('ReadVariableOp', [float('dtype')], [variable], 1)[0]
  const assign = (variable: Tensor, value: Tensor) =>
    run('AssignVariableOp', [float('dtype')], [variable, value], 0)
  const create = (value: Tensor): Tensor => {
    // The name tells variables of one process apart; TensorFlow keeps them by name.
    const name = [text('shared_name', `adamw-${variables++}`), text('container', '')]
    const [variable] = run('VarHandleOp', [float('dtype'), shape('shape', value.shape), ...name], [], 1)
    assign(variable, value)
    return variable
  }
  const destroy = (variable: Tensor) => {
    run('DestroyResourceOp', [bool('ignore_lookup_error', true)], [variable], 0)
    variable.dispose()
  }

  const states = tidy(() =>
    parameters.names.map((name) => {
      const parameter = parameters.get(name)
      const [value, first, second] = [parameter, tf.zerosLike(parameter), tf.zerosLike(parameter)].map(create)
      return {
        name,
        variables: { value: tf.keep(value), first: tf.keep(first), second: tf.keep(second) },
        seen: parameter,
      }
    }),
  )
  let updates = 0

  function globalNorm(gradients: readonly Tensor[]): number {
    const halves = gradients.map((gradient) => run('L2Loss', [float('T')], [gradient], 1)[0])
    return Math.sqrt(2 * tf.addN(halves).dataSync()[0])
  }

  return {
    get updates() {
      return updates
    },

    update: (gradients, learningRate) =>
      tidy(() => {
        const ordered = states.map(({ name }) => gradientOf(gradients, name))
        const norm = globalNorm(ordered)
        if (!Number.isFinite(norm)) return norm
        updates++
        const scale = Math.min(1, clip / norm)
        // TensorFlow adds epsilon before the second moment is corrected; this epsilon makes up for it.
        const corrected = epsilon * Math.sqrt(1 - beta2 ** updates)
        const scalars = [beta1 ** updates, beta2 ** updates, learningRate, beta1, beta2, corrected].map((x) =>
          tf.scalar(x),
        )
        const attributes = [float('T'), bool('use_locking', false), bool('use_nesterov', false)]
        states.forEach((state, i) => {
          const { value, first, second } = state.variables
          const parameter = parameters.get(state.name)
          if (parameter !== state.seen) assign(value, parameter)
          const decayed = parameter.rank > 1 ? tf.mul(parameter, learningRate * decay) : undefined
          // The variable is updated in place only while nothing else reads its memory.
          parameter.dispose()
          if (decayed) run('AssignSubVariableOp', [float('dtype')], [value, decayed], 0)
          const gradient = scale < 1 ? tf.mul(ordered[i], scale) : ordered[i]
          run('ResourceApplyAdam', attributes, [value, first, second, ...scalars, gradient], 0)
          if (gradient !== ordered[i]) gradient.dispose()
          decayed?.dispose()
          state.seen = tf.keep(read(value))
          parameters.set(state.name, state.seen)
        })
        return norm
      }),

    async export() {
      const moments = new Map<string, Moments>()
      for (const { name, variables } of states) {
        const [first, second] = await Promise.all([
          contents(read(variables.first)),
          contents(read(variables.second)),
        ])
        moments.set(name, { first, second })
      }
      return moments
    },

    import(moments, made) {
      tidy(() => {
        for (const { name, variables } of states) {
          const { first, second } = moments.get(name) as Moments
          assign(variables.first, tf.tensor(first, parameters.shape(name)))
          assign(variables.second, tf.tensor(second, parameters.shape(name)))
        }
      })
      updates = made
    },

    dispose() {
      for (const { variables } of states) Object.values(variables).forEach(destroy)
      states.length = 0
    },
  }
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
