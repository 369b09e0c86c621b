import * as tf from '@tensorflow/tfjs-core'
import type { Tensor } from '@tensorflow/tfjs-core'
import { tapeGradients, tapeModel } from '../../../scripts/bench/tape-model.ts'
import type { Backend } from '../../../stages/training/backend/backend.ts'
import { modelConfig, presets, type ModelConfig } from '../../../stages/training/model/config.ts'
import { initialValues } from '../../../stages/training/model/initialise.ts'
import type { Kept } from '../../../stages/training/model/kept.ts'
import { Model } from '../../../stages/training/model/model.ts'
import { parameterShapes } from '../../../stages/training/model/parameter-shapes.ts'
import { normal, onEveryBackend, relativeError } from './backends.ts'
import { referenceLosses, type Numbers } from './reference-model.ts'

const sequences = 3
const length = 7
const sizes = { dim: 24, layers: 2, heads: 6, kvHeads: 2, hidden: 20, context: 16 }
const tiedConfig = modelConfig({ ...sizes, tied: true }, 37)
const untiedConfig = modelConfig({ ...sizes, tied: false }, 37)
const tokens = Int32Array.from({ length: sequences * (length + 1) }, (_, i) => (i * i * 7 + 3 * i) % 37)
const evenly = new Float32Array(sequences * length).fill(1 / (sequences * length))

/** Values large enough that every part of the model matters. */
function livelyValues(config: ModelConfig, deviation = 0.2): Map<string, Float32Array> {
  const values = initialValues(config, 1)
  return new Map(
    [...values].map(([name, array], i) => {
      const noise = normal<tf.Rank.R1>([array.length], i + 1, deviation)
      const spread = noise.dataSync()
      noise.dispose()
      return [name, array.map((value, j) => value + spread[j])]
    }),
  )
}

function gradientsOf(model: Model, kept: Kept): Map<string, Tensor> {
  const { losses, activations } = model.forward(tokens, sequences)
  const gradients = model.backward(tokens, activations, kept)
  tf.dispose([losses, activations as never])
  return gradients
}

function expectSameGradients(
  ours: ReadonlyMap<string, Tensor>,
  others: ReadonlyMap<string, Tensor>,
  tolerance: number,
) {
  expect([...ours.keys()].sort()).toEqual([...others.keys()].sort())
  for (const [name, gradient] of ours) {
    expect([name, relativeError(gradient, others.get(name) as Tensor) < tolerance]).toEqual([name, true])
  }
}

await onEveryBackend((backend: () => Backend) => {
  describe.each([
    ['tied', tiedConfig],
    ['untied', untiedConfig],
  ])('with a head that is %s', (_, config) => {
    let model: Model
    beforeAll(() => {
      model = new Model(config, livelyValues(config), backend())
    })
    afterAll(() => model.dispose())

    test('losses agree with a model in 64-bit arithmetic', async () => {
      const reference = referenceLosses(config, await numbersOf(model), tokens, sequences)
      const { losses, activations } = model.forward(tokens, sequences)
      const evaluated = model.losses(tokens, sequences)
      expect(losses.shape).toEqual([sequences, length])
      for (const ours of [losses, evaluated]) {
        ours.dataSync().forEach((loss, i) => expect(Math.abs(loss - reference[i])).toBeLessThan(1e-5))
      }
      tf.dispose([losses, evaluated, activations as never])
    })

    test('gradients agree with automatic differentiation', () => {
      const weights = Float32Array.from({ length: sequences * length }, (_, i) => ((i % 5) + 1) / 50)
      const tape = tapeModel(config, backend().name === 'tensorflow')
      const parameters = Object.fromEntries(
        model.parameters.names.map((name) => [name, model.parameters.get(name)]),
      )
      const automatic = tapeGradients(
        tape,
        parameters,
        tokens,
        sequences,
        tf.tensor2d(weights, [sequences, length]),
      )
      expectSameGradients(gradientsOf(model, { weights }), new Map(Object.entries(automatic)), 1e-4)
    })

    test('gradients agree with finite differences in 64-bit arithmetic', async () => {
      const gradients = gradientsOf(model, { weights: evenly })
      const numbers = await numbersOf(model)
      const meanLoss = (changed: Numbers) =>
        referenceLosses(config, changed, tokens, sequences).reduce((a, b) => a + b, 0) / (sequences * length)
      for (const [name, gradient] of gradients) {
        const slope = gradient.dataSync<'float32'>()
        const largest = slope.reduce((max, value) => Math.max(max, Math.abs(value)), 0)
        for (const place of [0, Math.floor(slope.length / 3), slope.length - 1]) {
          const nudged = (by: number) => ({
            ...numbers,
            [name]: numbers[name].with(place, numbers[name][place] + by),
          })
          const difference = (meanLoss(nudged(1e-5)) - meanLoss(nudged(-1e-5))) / 2e-5
          expect([name, place, Math.abs(slope[place] - difference) < 1e-4 * largest]).toEqual([
            name,
            place,
            true,
          ])
        }
      }
    })

    test('backward on kept sequences is backward on all with no weight for the others', () => {
      const rows = Int32Array.from([0, 2])
      const weights = new Float32Array(2 * length).fill(1 / (2 * length))
      const masked = evenly.map((_, i) => (Math.floor(i / length) === 1 ? 0 : 1 / (2 * length)))
      expectSameGradients(
        gradientsOf(model, { rows, weights }),
        gradientsOf(model, { weights: masked }),
        1e-5,
      )
    })

    test.each([
      ['of every sequence', [1, 2, 6, 9, 12, 14, 20]],
      ['of some sequences', [0, 1, 5, 15, 16]],
    ])('backward on kept tokens %s is backward on all with no weight for the others', (_, kept) => {
      const kinds = new Set(kept.map((token) => Math.floor(token / length)))
      const weights = Float32Array.from(kept, (token) => (token + 1) / 100)
      const masked = evenly.map((_, i) => (kept.includes(i) ? (i + 1) / 100 : 0))
      const rows = kinds.size === sequences ? undefined : Int32Array.from(kinds)
      const ours = gradientsOf(model, { rows, tokens: Int32Array.from(kept), weights })
      expectSameGradients(ours, gradientsOf(model, { weights: masked }), 1e-5)
    })

    test('a loss does not depend on later tokens, nor on other sequences', () => {
      const changed = tokens.map((token, i) =>
        i % (length + 1) > 4 || i >= length + 1 ? (token + 1) % 37 : token,
      )
      const [before, after] = [tokens, changed].map((batch) => model.losses(batch, sequences).dataSync())
      expect(after.subarray(0, 4)).toEqual(before.subarray(0, 4))
      expect(after.subarray(4, length)).not.toEqual(before.subarray(4, length))
    })

    test('a step gives back every tensor but its losses and gradients', () => {
      model.losses(tokens, sequences).dispose()
      const before = tf.memory().numTensors
      const rows = Int32Array.from([1])
      const gradients = gradientsOf(model, {
        rows,
        tokens: Int32Array.from([8, 9]),
        weights: Float32Array.of(0.5, 0.5),
      })
      expect(tf.memory().numTensors - before).toBe(gradients.size)
      tf.dispose([...gradients.values()])
      model.losses(tokens, sequences).dispose()
      expect(tf.memory().numTensors).toBe(before)
    })
  })

  test('losses of the 260K preset agree with a model in 64-bit arithmetic, over several blocks of attention', async () => {
    const preset = modelConfig(presets['260K'], 512)
    const long = Int32Array.from({ length: 301 }, (_, i) => (i * i * 7 + 3 * i) % 512)
    const model = new Model(preset, livelyValues(preset, 0.05), backend())
    const reference = referenceLosses(preset, await numbersOf(model), long, 1)
    const losses = model.losses(long, 1)
    losses.dataSync().forEach((loss, i) => expect(Math.abs(loss - reference[i])).toBeLessThan(1e-5))
    // So that it is no guess at a uniform prediction that agrees.
    expect(Math.max(...reference)).toBeGreaterThan(Math.log(512) + 1)
    losses.dispose()
    model.dispose()
  })

  test('parameters come out as they went in', async () => {
    const values = initialValues(tiedConfig, 1)
    const model = new Model(tiedConfig, values, backend())
    const stored = await model.parameters.export()
    expect([...stored.keys()]).toEqual([...parameterShapes(tiedConfig).keys()])
    for (const [name, tensor] of stored) {
      expect(tensor).toEqual({ shape: parameterShapes(tiedConfig).get(name), values: values.get(name) })
    }
    model.dispose()
  })

  test('a sequence longer than the context is refused', () => {
    const model = new Model(tiedConfig, initialValues(tiedConfig, 1), backend())
    expect(() => model.losses(new Int32Array(18), 1)).toThrow(
      "17 tokens does not fit the model's context of 16",
    )
    model.dispose()
  })
})

test('parameters have the names and shapes of LlamaForCausalLM', () => {
  const shapes = parameterShapes(modelConfig({ ...presets['260K'], tied: false }, 512))
  expect(shapes.size).toBe(2 + 5 * 9 + 1)
  expect(Object.fromEntries([...shapes].filter(([name]) => !/layers\.[1-4]/.test(name)))).toEqual({
    'model.embed_tokens.weight': [512, 64],
    'model.layers.0.input_layernorm.weight': [64],
    'model.layers.0.self_attn.q_proj.weight': [64, 64],
    'model.layers.0.self_attn.k_proj.weight': [32, 64],
    'model.layers.0.self_attn.v_proj.weight': [32, 64],
    'model.layers.0.self_attn.o_proj.weight': [64, 64],
    'model.layers.0.post_attention_layernorm.weight': [64],
    'model.layers.0.mlp.gate_proj.weight': [172, 64],
    'model.layers.0.mlp.up_proj.weight': [172, 64],
    'model.layers.0.mlp.down_proj.weight': [64, 172],
    'model.norm.weight': [64],
    'lm_head.weight': [512, 64],
  })
})

test.each([
  ['260K', 512, 260_032],
  ['15M', 32_000, 15_191_712],
  ['42M', 32_000, 41_689_600],
] as const)('the preset %s has that many parameters', (preset, vocabulary, count) => {
  const shapes = parameterShapes(modelConfig(presets[preset], vocabulary))
  expect([...shapes.values()].reduce((sum, shape) => sum + shape.reduce((a, b) => a * b), 0)).toBe(count)
})

test('initial values are normal, smaller where they write to the residual stream, and another for another seed', () => {
  const config = modelConfig({ dim: 64, layers: 8, heads: 4, context: 8 }, 1000)
  const values = initialValues(config, 5)
  const deviation = (name: string) => {
    const array = values.get(name) as Float32Array
    const mean = array.reduce((a, b) => a + b, 0) / array.length
    expect(Math.abs(mean)).toBeLessThan(0.001)
    return Math.sqrt(array.reduce((sum, v) => sum + (v - mean) ** 2, 0) / array.length)
  }
  expect(deviation('model.embed_tokens.weight')).toBeCloseTo(0.02, 3)
  expect(deviation('model.layers.7.mlp.gate_proj.weight')).toBeCloseTo(0.02, 3)
  expect(deviation('model.layers.7.mlp.down_proj.weight')).toBeCloseTo(0.005, 3)
  expect(deviation('model.layers.0.self_attn.o_proj.weight')).toBeCloseTo(0.005, 3)
  expect(values.get('model.norm.weight')).toEqual(new Float32Array(64).fill(1))
  expect(initialValues(config, 5)).toEqual(values)
  expect(initialValues(config, 6)).not.toEqual(values)
})

test.each([
  [{ dim: 30, layers: 1, heads: 4, context: 8 }, 'dim 30 is not a multiple of heads 4'],
  [{ dim: 12, layers: 1, heads: 4, context: 8 }, 'dim 12 / heads 4 is odd'],
  [{ dim: 32, layers: 1, heads: 4, kvHeads: 3, context: 8 }, 'heads 4 is not a multiple of kv-heads 3'],
])('sizes that do not fit each other are refused: %o', (sizes, message) => {
  expect(() => modelConfig(sizes, 100)).toThrow(message)
})

async function numbersOf(model: Model): Promise<Numbers> {
  const stored = await model.parameters.export()
  return Object.fromEntries([...stored].map(([name, { values }]) => [name, Float64Array.from(values)]))
}
