import * as tf from '@tensorflow/tfjs-core'
import type { Scalar, Variable } from '@tensorflow/tfjs-core'
// Registers the gradients of tfjs-core's operations, which the engine itself does without.
import '@tensorflow/tfjs'
import type { AdamW } from '../../stages/training/backend/kernels.ts'
import { backendNames, type BackendName } from '../../stages/training/backend/backend.ts'
import { openBackend, tryBackend } from '../../stages/training/backend/open-backend.ts'
import { dispose, tidy } from '../../stages/training/backend/tidy.ts'
import { modelConfig, type ModelSizes } from '../../stages/training/model/config.ts'
import { initialValues } from '../../stages/training/model/initialise.ts'
import { Model } from '../../stages/training/model/model.ts'
import { hardest } from '../../stages/training/selection/hardest.ts'
import { everything } from '../../stages/training/selection/losses.ts'
import { selectionOf, type Granularity } from '../../stages/training/selection/select.ts'
import { seededRandom } from '../../stages/seeded-random.ts'
import { tapeModel } from './tape-model.ts'

interface Shape {
  readonly sizes: ModelSizes
  readonly vocabulary: number
  readonly rows: number
  readonly length: number
}

const shape: Shape = {
  sizes: { dim: 128, layers: 4, heads: 4, context: 128 },
  vocabulary: 4096,
  rows: 16,
  length: 128,
}
const smallShape: Shape = {
  sizes: { dim: 96, layers: 3, heads: 4, context: 64 },
  vocabulary: 2048,
  rows: 16,
  length: 64,
}
const keepRatios = [1, 0.75, 0.5, 0.25]
const adam = { beta1: 0.9, beta2: 0.95, epsilon: 1e-8, decay: 0.1, clip: 1 }

/** Milliseconds of a training step: medians of steps that take turns, so that a busy moment hits all alike. */
export async function run(): Promise<object> {
  const results: Record<string, object> = {}
  for (const name of backendNames) {
    const found = await tryBackend(name)
    results[name] =
      'problem' in found ? { missing: found.problem } : await measure(name, name === 'wasm' ? 3 : 15)
  }
  return { shape, smallShape, ...results }
}

async function measure(name: BackendName, repetitions: number) {
  const bench = await openBench(name, shape)
  const small = await openBench(name, smallShape)
  const steps: Record<string, () => Promise<void>> = {
    step: () => bench.step(),
    tape: () => bench.tapeStep(),
    smallStep: () => small.step(),
    smallTape: () => small.tapeStep(),
  }
  for (const granularity of ['sequence', 'token'] as const) {
    for (const keep of keepRatios) steps[`${granularity} ${keep}`] = () => bench.step(keep, granularity)
  }
  const tensors = tf.memory().numTensors
  const milliseconds = await medians(steps, repetitions)
  const ohem = (granularity: Granularity) =>
    Object.fromEntries(keepRatios.map((keep) => [keep, milliseconds[`${granularity} ${keep}`]]))
  const result = {
    parameters: bench.parameters,
    stepMs: milliseconds.step,
    tapeStepMs: milliseconds.tape,
    ohemStepMs: { sequence: ohem('sequence'), token: ohem('token') },
    smallStepMs: milliseconds.smallStep,
    smallTapeStepMs: milliseconds.smallTape,
    tensorLeak: tf.memory().numTensors - tensors,
  }
  bench.dispose()
  small.dispose()
  return result
}

async function medians(
  steps: Record<string, () => Promise<void>>,
  repetitions: number,
): Promise<Record<string, number>> {
  const times = Object.fromEntries(Object.keys(steps).map((name) => [name, [] as number[]]))
  // The first round only warms up.
  for (let round = 0; round <= repetitions; round++) {
    for (const [name, step] of Object.entries(steps)) {
      const start = performance.now()
      await step()
      if (round > 0) times[name].push(performance.now() - start)
    }
  }
  return Object.fromEntries(
    Object.entries(times).map(([name, list]) => [
      name,
      Number(list.sort((a, b) => a - b)[list.length >> 1].toFixed(1)),
    ]),
  )
}

async function openBench(name: BackendName, { sizes, vocabulary, rows, length }: Shape) {
  const backend = await openBackend(name)
  const config = modelConfig(sizes, vocabulary)
  const model = new Model(config, initialValues(config, 1), backend)
  const optimizer: AdamW = model.kernels.adamW(model.parameters, adam)
  const tape = tapeModel(config, name === 'tensorflow')
  const tapeOptimizer = tf.train.adam(1e-4)
  const variables = await tapeVariables(model)
  const random = seededRandom(1)
  // Frequent ids first, as in text.
  const tokens = Int32Array.from({ length: rows * (length + 1) }, () =>
    Math.floor((random() / 2 ** 32) ** 3 * vocabulary),
  )
  const batch = { step: 0, steps: 1, rows, length, tokens }

  return {
    parameters: model.parameters.count,

    /** A whole step: forward, selection where there is one, backward, update. */
    async step(keep?: number, granularity: Granularity = 'sequence') {
      const { losses, activations } = model.forward(tokens, rows)
      const values = (await losses.data()) as Float32Array
      const selection = keep
        ? selectionOf(values, batch as never, { keep, granularity, choose: hardest, hasThreshold: true })
        : everything(values)
      const gradients = model.backward(tokens, activations, selection)
      dispose([losses, activations])
      optimizer.update(gradients, 1e-4)
      dispose([...gradients.values()])
    },

    async tapeStep() {
      const loss = tidy(() =>
        tapeOptimizer.minimize(
          () => tf.mean<Scalar>(tape.losses(variables, tokens, rows)),
          true,
          Object.values(variables),
        ),
      ) as Scalar
      await loss.data()
      loss.dispose()
    },

    dispose() {
      optimizer.dispose()
      tapeOptimizer.dispose()
      dispose(variables)
      model.dispose()
    },
  }
}

async function tapeVariables(model: Model): Promise<Record<string, Variable>> {
  return Object.fromEntries(
    model.parameters.names.map((name) => [name, tf.variable(model.parameters.get(name))]),
  )
}
