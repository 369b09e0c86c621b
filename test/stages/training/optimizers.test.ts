import * as tf from '@tensorflow/tfjs-core'
import { UserError } from '../../../schemas/user-error.ts'
import { kernelsOf } from '../../../stages/training/backend/kernels.ts'
import { modelConfig } from '../../../stages/training/model/config.ts'
import { initialValues } from '../../../stages/training/model/initialise.ts'
import { Parameters } from '../../../stages/training/model/parameters.ts'
import { checkGroups } from '../../../stages/training/optimizers/groups.ts'
import type { Optimizer, OptimizerSettings } from '../../../stages/training/optimizers/optimizer.ts'
import { optimizerOptions, optimizerSettings } from '../../../stages/training/optimizers/options.ts'
import { portableNorm } from '../../../stages/training/optimizers/portable-norm.ts'
import { portableOptimizer } from '../../../stages/training/optimizers/portable-optimizer.ts'
import { z } from 'zod'
import { normal, onEveryBackend } from './backends.ts'
import { ReferenceOptimizer } from './reference-optimizers.ts'

const config = modelConfig({ dim: 8, layers: 2, heads: 2, hidden: 12, context: 8, tied: false }, 19)
/** Its embedding and its head are so large that they are updated by themselves. */
const large = modelConfig({ dim: 8, layers: 1, heads: 2, hidden: 12, context: 8, tied: false }, 16_400)
const rules = ['adamw', 'lion', 'sgd'] as const
const settingsOf = (options: object): OptimizerSettings =>
  optimizerSettings(z.strictObject(optimizerOptions).parse(options))

const newParameters = (sizes = config) => {
  const values = initialValues(sizes, 3)
  return new Parameters(sizes, (name) => values.get(name) as Float32Array)
}

/** Gradients of step `step`: large ones and small ones take turns. */
function gradientsAt(parameters: Parameters, step: number): Map<string, tf.Tensor> {
  return new Map(
    parameters.names.map((name, i) => [
      name,
      normal(parameters.shape(name) as [number], 100 * step + i, step % 2 ? 1 : 1e-3),
    ]),
  )
}

const doubles = (tensors: Iterable<readonly [string, tf.Tensor]>) =>
  new Map(Array.from(tensors, ([name, tensor]) => [name, Float64Array.from(tensor.dataSync())]))
const valuesOf = (parameters: Parameters) =>
  doubles(parameters.names.map((name) => [name, parameters.get(name)] as const))

function largestError(values: ArrayLike<number>, expected: ArrayLike<number>): number {
  expect(values.length).toBe(expected.length)
  return Array.from(values).reduce((most, value, i) => Math.max(most, Math.abs(value - expected[i])), 0)
}

await onEveryBackend((backend) => {
  const makers = {
    'its own': (parameters: Parameters, settings: OptimizerSettings) =>
      kernelsOf(backend().name).optimizer(parameters, settings),
    'the portable': portableOptimizer,
  }
  const every = rules.flatMap((rule) =>
    (Object.keys(makers) as (keyof typeof makers)[]).map((maker) => [maker, rule] as const),
  )

  const small = every.map(([maker, rule]) => [maker, rule, 20, config] as const)
  test.each([...small, ...rules.map((rule) => ['its own', rule, 2, large] as const)])(
    '%s %s goes where the 64-bit one goes in %i steps, with decay of matrices only and a rate a group',
    async (maker, rule, steps, sizes) => {
      const groups = { embedding: 0.5, head: 0, norms: 2 }
      const settings = settingsOf({ optimizer: rule, decay: 0.1, groups })
      const parameters = newParameters(sizes)
      const reference = new ReferenceOptimizer(rule, valuesOf(parameters))
      const optimizer = makers[maker](parameters, settings)
      const before = valuesOf(parameters)
      for (let step = 0; step < steps; step++) {
        const learningRate = 0.01 / (1 + step)
        const scale = step % 3 === 0 ? 1 : 0.3
        const gradients = gradientsAt(parameters, step)
        optimizer.update(gradients, learningRate, scale)
        const rate = (name: string) => {
          if (name === 'model.embed_tokens.weight') return 0.5 * learningRate
          if (name === 'lm_head.weight') return 0
          return name.includes('norm') ? 2 * learningRate : learningRate
        }
        reference.update(doubles(gradients), { rate, decay: 0.1 }, scale)
        tf.dispose([...gradients.values()])
      }
      expect(optimizer.updates).toBe(steps)
      for (const [name, values] of valuesOf(parameters)) {
        expect(largestError(values, reference.values.get(name)!)).toBeLessThan(2e-6)
        const moved = largestError(values, before.get(name)!)
        if (name === 'lm_head.weight') expect(moved).toBe(0)
        else expect(moved).toBeGreaterThan(1e-3)
      }
      for (const [name, slots] of await optimizer.export()) {
        const expected = reference.remembered.get(name)!
        expect(Object.keys(slots)).toEqual(Object.keys(expected))
        for (const [slot, values] of Object.entries(slots)) {
          expect(largestError(values, expected[slot])).toBeLessThan(2e-6)
        }
      }
      optimizer.dispose()
      parameters.dispose()
    },
  )

  test.each(every)('%s %s goes on from what it exported, to the last bit', async (maker, rule) => {
    const create = (parameters: Parameters) => makers[maker](parameters, settingsOf({ optimizer: rule }))
    const [straight, resumed] = [newParameters(), newParameters()]
    const step = (optimizer: Optimizer, parameters: Parameters, n: number) => {
      const gradients = gradientsAt(parameters, n)
      optimizer.update(gradients, 0.01, 0.7)
      tf.dispose([...gradients.values()])
    }
    const first = create(straight)
    for (const n of [0, 1, 2]) step(first, straight, n)
    const state = await first.export()
    for (const [name, { shape, values }] of await straight.export())
      resumed.set(name, tf.tensor(values, [...shape], 'float32'))
    const second = create(resumed)
    second.import(state, first.updates)
    expect(await second.export()).toEqual(state)
    for (const n of [3, 4]) {
      step(first, straight, n)
      step(second, resumed, n)
    }
    expect(second.updates).toBe(5)
    expect(await resumed.export()).toEqual(await straight.export())
    expect(await second.export()).toEqual(await first.export())
    for (const owner of [first, second, straight, resumed]) owner.dispose()
  })

  test.each(every)(
    '%s %s updates parameters that were replaced since its last update',
    async (maker, rule) => {
      const [kept, replaced] = [newParameters(), newParameters()]
      const optimizers = [kept, replaced].map((parameters) =>
        makers[maker](parameters, settingsOf({ optimizer: rule })),
      )
      for (const name of kept.names) replaced.set(name, tf.add(kept.get(name), 1))
      const gradients = gradientsAt(kept, 0)
      for (const optimizer of optimizers) optimizer.update(gradients, 0, 1)
      for (const name of kept.names) {
        const [before, after] = [kept.get(name).dataSync(), replaced.get(name).dataSync()]
        expect(
          largestError(
            after,
            before.map((value) => value + 1),
          ),
        ).toBeLessThan(1e-5)
      }
      tf.dispose([...gradients.values()])
      for (const owner of [...optimizers, kept, replaced]) owner.dispose()
    },
  )

  test.each(every)(
    '%s %s holds no more tensors after many updates, and none when it is disposed of',
    (maker, rule) => {
      const before = tf.memory().numTensors
      const parameters = newParameters()
      const optimizer = makers[maker](parameters, settingsOf({ optimizer: rule, groups: { norms: 0.5 } }))
      const gradients = gradientsAt(parameters, 0)
      optimizer.update(gradients, 0.01, 1)
      const after = tf.memory().numTensors
      for (let i = 0; i < 3; i++) optimizer.update(gradients, 0.01, 0.5)
      expect(tf.memory().numTensors).toBe(after)
      tf.dispose([...gradients.values()])
      optimizer.dispose()
      parameters.dispose()
      expect(tf.memory().numTensors).toBe(before)
    },
  )

  test.each(rules)('an update by %s takes a few operations for many tensors, not ten for each', (rule) => {
    if (backend().name !== 'tensorflow') return
    const parameters = newParameters(modelConfig({ dim: 8, layers: 12, heads: 2, context: 8 }, 19))
    const optimizer = kernelsOf('tensorflow').optimizer(parameters, settingsOf({ optimizer: rule }))
    const gradients = gradientsAt(parameters, 0)
    const native = tf.backend() as unknown as { binding: { executeOp(...of: unknown[]): unknown } }
    const { binding } = native
    let operations = 0
    native.binding = Object.create(binding, {
      executeOp: { value: (...of: unknown[]) => (operations++, binding.executeOp(...of)) },
    }) as typeof binding
    try {
      optimizer.update(gradients, 0.01, 0.5)
    } finally {
      native.binding = binding
    }
    // Each gradient and each parameter is reshaped, on the way in and out, which moves nothing.
    expect(operations - 3 * parameters.names.length).toBeLessThan(40)
    tf.dispose([...gradients.values()])
    for (const owner of [optimizer, parameters]) owner.dispose()
  })

  test('the norm of all gradients is that of one long vector, and leaves no tensor', async () => {
    const parameters = newParameters()
    const gradients = gradientsAt(parameters, 1)
    let squares = 0
    for (const values of doubles(gradients).values()) for (const value of values) squares += value ** 2
    const before = tf.memory().numTensors
    const kernels = kernelsOf(backend().name)
    for (const norm of [(of: Iterable<tf.Tensor>) => kernels.globalNorm(of), portableNorm]) {
      expect((await norm(gradients.values())) / Math.sqrt(squares)).toBeCloseTo(1, 6)
      const broken = tf.tensor([1, NaN])
      expect(await norm([...gradients.values(), broken])).toBe(NaN)
      broken.dispose()
    }
    expect(tf.memory().numTensors).toBe(before)
    tf.dispose([...gradients.values()])
    parameters.dispose()
  })
})

test('a rate for a head of its own is refused where the head is the embedding', () => {
  const tied = { names: ['model.embed_tokens.weight', 'model.norm.weight'], shape: () => [8] }
  expect(() => checkGroups({ norms: 2 }, tied)).not.toThrow()
  expect(() => checkGroups({ head: 2 }, tied)).toThrow(UserError)
  expect(() => checkGroups({ head: 2 }, tied)).toThrow(/to `head`, .* or set `tied: false`/)
})
