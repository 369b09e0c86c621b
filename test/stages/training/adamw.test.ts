import * as tf from '@tensorflow/tfjs-core'
import { kernelsOf, type AdamWSettings } from '../../../stages/training/backend/kernels.ts'
import { modelConfig } from '../../../stages/training/model/config.ts'
import { initialValues } from '../../../stages/training/model/initialise.ts'
import { Parameters } from '../../../stages/training/model/parameters.ts'
import { normal, onEveryBackend } from './backends.ts'

const config = modelConfig({ dim: 8, layers: 1, heads: 2, hidden: 12, context: 8 }, 19)
const settings: AdamWSettings = { beta1: 0.9, beta2: 0.95, epsilon: 1e-8, decay: 0.1, clip: 1 }
const rates = [0.01, 0.02, 0.005, 0.01]

const newParameters = () => {
  const values = initialValues(config, 3)
  return new Parameters(config, (name) => values.get(name) as Float32Array)
}

/** Gradients of step `step`: small ones in even steps, so that clipping happens in some steps and not in others. */
function gradientsAt(parameters: Parameters, step: number): Map<string, tf.Tensor> {
  return new Map(
    parameters.names.map((name, i) => [
      name,
      normal(parameters.shape(name) as [number], 100 * step + i, step % 2 ? 1 : 1e-3),
    ]),
  )
}

/** PyTorch's AdamW after torch.nn.utils.clip_grad_norm_, number by number in 64 bits. */
class ReferenceAdamW {
  updates = 0
  readonly moments = new Map<string, { first: Float64Array; second: Float64Array }>()
  readonly values: Map<string, Float64Array>

  constructor(values: Map<string, Float64Array>) {
    this.values = values
  }

  update(gradients: Map<string, Float64Array>, rate: number): number {
    this.updates++
    let squares = 0
    for (const gradient of gradients.values()) for (const g of gradient) squares += g * g
    const norm = Math.sqrt(squares)
    for (const [name, gradient] of gradients) {
      const values = this.values.get(name) as Float64Array
      const zero = () => new Float64Array(values.length)
      const { first, second } = this.moments.get(name) ?? { first: zero(), second: zero() }
      this.moments.set(name, { first, second })
      for (let i = 0; i < values.length; i++) {
        const g = gradient[i] * Math.min(1, settings.clip / norm)
        if (!name.includes('norm')) values[i] *= 1 - rate * settings.decay
        first[i] = settings.beta1 * first[i] + (1 - settings.beta1) * g
        second[i] = settings.beta2 * second[i] + (1 - settings.beta2) * g * g
        const mean = first[i] / (1 - settings.beta1 ** this.updates)
        const square = second[i] / (1 - settings.beta2 ** this.updates)
        values[i] -= (rate * mean) / (Math.sqrt(square) + settings.epsilon)
      }
    }
    return norm
  }
}

const doubles = (tensors: Iterable<[string, tf.Tensor]>) =>
  new Map([...tensors].map(([name, tensor]) => [name, Float64Array.from(tensor.dataSync())]))

const valuesOf = (parameters: Parameters) =>
  parameters.names.map((name) => [name, parameters.get(name)] as [string, tf.Tensor])

await onEveryBackend((backend) => {
  const create = (parameters: Parameters) => kernelsOf(backend().name).adamW(parameters, settings)

  test('updates as a 64-bit AdamW does, clipped or not, with decay of matrices only', () => {
    const parameters = newParameters()
    const reference = new ReferenceAdamW(doubles(valuesOf(parameters)))
    const adamW = create(parameters)
    const norms: number[] = []
    rates.forEach((rate, step) => {
      const gradients = gradientsAt(parameters, step)
      const norm = adamW.update(gradients, rate)
      expect(norm / reference.update(doubles(gradients), rate)).toBeCloseTo(1, 5)
      norms.push(norm)
      tf.dispose([...gradients.values()])
      for (const [name, values] of doubles(valuesOf(parameters))) {
        const expected = reference.values.get(name) as Float64Array
        values.forEach((value, i) => expect(Math.abs(value - expected[i])).toBeLessThan(1e-6))
      }
    })
    expect(norms.map((norm) => norm > settings.clip)).toEqual([false, true, false, true])
    adamW.dispose()
    parameters.dispose()
  })

  test('goes on from its exported moments as if it had never stopped', async () => {
    const [straight, resumed] = [newParameters(), newParameters()]
    const first = create(straight)
    const step = (adamW: typeof first, parameters: Parameters, n: number) => {
      const gradients = gradientsAt(parameters, n)
      adamW.update(gradients, 0.01)
      tf.dispose([...gradients.values()])
    }
    for (const n of [0, 1, 2]) step(first, straight, n)
    const moments = await first.export()
    resumed.import(await straight.export())
    const second = create(resumed)
    second.import(moments, first.updates)
    for (const n of [3, 4]) {
      step(first, straight, n)
      step(second, resumed, n)
    }
    expect(second.updates).toBe(5)
    expect(await resumed.export()).toEqual(await straight.export())
    first.dispose()
    second.dispose()
    straight.dispose()
    resumed.dispose()
  })

  test('updates parameters that were replaced since its last update', async () => {
    const [kept, replaced] = [newParameters(), newParameters()]
    const optimizers = [create(kept), create(replaced)]
    replaced.import(
      new Map(
        [...(await kept.export())].map(([name, { shape, values }]) => [
          name,
          { shape, values: values.map((v) => v + 1) },
        ]),
      ),
    )
    const gradients = gradientsAt(kept, 0)
    optimizers[0].update(gradients, 0)
    optimizers[1].update(gradients, 0)
    for (const name of kept.names) {
      const [before, after] = [kept.get(name).dataSync(), replaced.get(name).dataSync()]
      after.forEach((value, i) => expect(value).toBeCloseTo(before[i] + 1, 5))
    }
    tf.dispose([...gradients.values()])
    optimizers.forEach((optimizer) => optimizer.dispose())
    kept.dispose()
    replaced.dispose()
  })

  test('changes nothing where a gradient is not finite, and says so by the norm', async () => {
    const parameters = newParameters()
    const before = await parameters.export()
    const adamW = create(parameters)
    const gradients = gradientsAt(parameters, 0)
    gradients.get('model.norm.weight')?.dispose()
    gradients.set('model.norm.weight', tf.fill([8], NaN))
    expect(adamW.update(gradients, 0.01)).toBe(NaN)
    expect(adamW.updates).toBe(0)
    expect(await parameters.export()).toEqual(before)
    tf.dispose([...gradients.values()])
    adamW.dispose()
    parameters.dispose()
  })

  test('holds no more tensors after many updates, and none when it is disposed of', () => {
    const before = tf.memory().numTensors
    const parameters = newParameters()
    const adamW = create(parameters)
    const gradients = gradientsAt(parameters, 0)
    adamW.update(gradients, 0.01)
    const after = tf.memory().numTensors
    for (let i = 0; i < 3; i++) adamW.update(gradients, 0.01)
    expect(tf.memory().numTensors).toBe(after)
    tf.dispose([...gradients.values()])
    adamW.dispose()
    parameters.dispose()
    expect(tf.memory().numTensors).toBe(before)
  })
})
