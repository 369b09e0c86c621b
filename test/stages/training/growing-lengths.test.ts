import * as tf from '@tensorflow/tfjs-core'
import { dispose } from '../../../stages/training/backend/tidy.ts'
import { modelConfig } from '../../../stages/training/model/config.ts'
import { initialValues } from '../../../stages/training/model/initialise.ts'
import { Model } from '../../../stages/training/model/model.ts'
import { onEveryBackend } from './backends.ts'

const config = modelConfig({ dim: 16, layers: 2, heads: 2, context: 16 }, 31)
const tokensOf = (rows: number, length: number) =>
  Int32Array.from({ length: rows * (length + 1) }, (_, i) => (i * i + 3 * i) % 31)

await onEveryBackend((backend) => {
  test('a model takes batches of other lengths in turn as one made for each, and keeps no tables of the last one', async () => {
    const values = initialValues(config, 1)
    const before = tf.memory().numTensors
    const model = new Model(config, values, backend())
    const step = async (model: Model, rows: number, length: number) => {
      const tokens = tokensOf(rows, length)
      const { losses, activations } = model.forward(tokens, rows)
      const weights = new Float32Array(rows * length).fill(1 / (rows * length))
      const gradients = model.backward(tokens, activations, { weights })
      const numbers = [...(await losses.data()), ...(await [...gradients.values()][0].data())]
      dispose([losses, activations, ...gradients.values()])
      return numbers
    }
    const counts = new Set<number>()
    for (const [rows, length] of [
      [8, 2],
      [4, 4],
      [1, 16],
      [4, 4],
    ] as const) {
      const fresh = new Model(config, values, backend())
      expect(await step(model, rows, length)).toEqual(await step(fresh, rows, length))
      fresh.dispose()
      counts.add(tf.memory().numTensors)
    }
    expect(counts.size).toBe(1)
    model.dispose()
    expect(tf.memory().numTensors).toBe(before)
  })
})
