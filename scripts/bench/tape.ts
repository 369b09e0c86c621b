import * as tf from '@tensorflow/tfjs-core'
import type { Scalar } from '@tensorflow/tfjs-core'
// Registers the gradients of tfjs-core's operations, which the engine itself does without.
import '@tensorflow/tfjs'
import type { BackendName } from '../../stages/training/backend/backend.ts'
import { dispose, tidy } from '../../stages/training/backend/tidy.ts'
import { modelConfig } from '../../stages/training/model/config.ts'
import { initialValues } from '../../stages/training/model/initialise.ts'
import { parameterShapes } from '../../stages/training/model/parameter-shapes.ts'
import { tapeModel } from './tape-model.ts'
import { batchOf, type Shape } from './training-shape.ts'

/** The engine's model, with the same initial values, on a tape of the active back end. */
export function openTape(name: BackendName, shape: Shape) {
  const config = modelConfig(shape.sizes, shape.vocabulary)
  const tape = tapeModel(config, name === 'tensorflow')
  const optimizer = tf.train.adam(1e-4)
  const shapes = parameterShapes(config)
  const variables = Object.fromEntries(
    Array.from(initialValues(config, 1), ([name, values]) => [
      name,
      tf.variable(tf.tensor(values, shapes.get(name) as number[])),
    ]),
  )
  const { tokens, rows } = batchOf(shape)
  return {
    async step() {
      const loss = tidy(() => {
        const mean = () => tf.mean<Scalar>(tape.losses(variables, tokens, rows))
        return optimizer.minimize(mean, true, Object.values(variables)) as Scalar
      })
      await loss.data()
      loss.dispose()
    },
    dispose() {
      optimizer.dispose()
      dispose(variables)
    },
  }
}
