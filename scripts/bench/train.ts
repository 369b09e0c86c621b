import * as tf from '@tensorflow/tfjs-core'
import type { Scalar } from '@tensorflow/tfjs-core'
// Registers the gradients of tfjs-core's operations, which the engine itself does without.
import '@tensorflow/tfjs'
import { seededRandom } from '../../stages/seeded-random.ts'
import { backendNames, type BackendName } from '../../stages/training/backend/backend.ts'
import { openBackend, tryBackend } from '../../stages/training/backend/open-backend.ts'
import { dispose, tidy } from '../../stages/training/backend/tidy.ts'
import type { Batch } from '../../stages/training/messages.ts'
import { modelConfig, type ModelSizes } from '../../stages/training/model/config.ts'
import { initialValues } from '../../stages/training/model/initialise.ts'
import { Model } from '../../stages/training/model/model.ts'
import { hardest } from '../../stages/training/selection/hardest.ts'
import { everything } from '../../stages/training/selection/losses.ts'
import { granularities, selectionOf, type Granularity } from '../../stages/training/selection/select.ts'
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
const settings = { beta1: 0.9, beta2: 0.95, epsilon: 1e-8, decay: 0.1, clip: 1 }
/** A tape on WebAssembly takes many seconds a step. */
const rounds: Readonly<Record<BackendName, number>> = { tensorflow: 15, wasm: 2 }

/** Milliseconds of a training step by back end: medians of steps that take turns, so that a busy moment hits all alike. */
export async function run(): Promise<object> {
  const figures: Record<string, object> = {}
  for (const name of backendNames) {
    const found = await tryBackend(name)
    figures[name] = 'problem' in found ? { missing: found.problem } : await measure(name)
  }
  return { shape, smallShape, ...figures }
}

async function measure(name: BackendName): Promise<object> {
  const bench = await openBench(name, shape)
  const small = await openBench(name, smallShape)
  const times = await medians(rounds[name], {
    step: () => bench.step(),
    tape: () => bench.tapeStep(),
    smallStep: () => small.step(),
    smallTape: () => small.tapeStep(),
    ...Object.fromEntries(
      granularities.flatMap((granularity) =>
        keepRatios.map((keep) => [`${granularity} ${keep}`, () => bench.step(keep, granularity)]),
      ),
    ),
  })
  const ohem = (granularity: Granularity) =>
    Object.fromEntries(keepRatios.map((keep) => [keep, times[`${granularity} ${keep}`]]))
  const tensors = tf.memory().numTensors
  for (let step = 0; step < 10; step++) await small.step(0.5, 'token')
  const tensorLeak = tf.memory().numTensors - tensors
  bench.dispose()
  small.dispose()
  return {
    parameters: bench.parameters,
    stepMs: times.step,
    tapeStepMs: times.tape,
    ohemStepMs: { sequence: ohem('sequence'), token: ohem('token') },
    smallStepMs: times.smallStep,
    smallTapeStepMs: times.smallTape,
    tensorLeak,
  }
}

async function medians(
  rounds: number,
  steps: Record<string, () => Promise<void>>,
): Promise<Record<string, number>> {
  const times = Object.fromEntries(Object.keys(steps).map((name) => [name, [] as number[]]))
  // Round 0 only warms up.
  for (let round = 0; round <= rounds; round++) {
    for (const [name, step] of Object.entries(steps)) {
      const start = performance.now()
      await step()
      if (round > 0) times[name].push(performance.now() - start)
    }
  }
  const median = (list: number[]) => Number(list.sort((a, b) => a - b)[list.length >> 1].toFixed(1))
  return Object.fromEntries(Object.entries(times).map(([name, list]) => [name, median(list)]))
}

/** The engine and the same model on a tape, each with its optimizer. */
async function openBench(name: BackendName, { sizes, vocabulary, rows, length }: Shape) {
  const config = modelConfig(sizes, vocabulary)
  const model = new Model(config, initialValues(config, 1), await openBackend(name))
  const optimizer = model.kernels.adamW(model.parameters, settings)
  const tape = tapeModel(config, name === 'tensorflow')
  const tapeOptimizer = tf.train.adam(1e-4)
  const variables = Object.fromEntries(
    model.parameters.names.map((name) => [name, tf.variable(model.parameters.get(name))]),
  )
  const random = seededRandom(1)
  // Frequent ids first, as in text.
  const tokens = Int32Array.from({ length: rows * (length + 1) }, () =>
    Math.floor((random() / 2 ** 32) ** 3 * vocabulary),
  )
  const batch = { step: 0, steps: 1, rows, length, tokens } as Batch

  return {
    parameters: model.parameters.count,

    /** A whole step: forward, selection where a keep ratio is given, backward, update. */
    async step(keep?: number, granularity: Granularity = 'sequence') {
      const { losses, activations } = model.forward(tokens, rows)
      const values = (await losses.data()) as Float32Array
      const selection =
        keep === undefined
          ? everything(values)
          : selectionOf(values, batch, { keep, granularity, choose: hardest, hasThreshold: true })
      const gradients = model.backward(tokens, activations, selection)
      dispose([losses, activations])
      optimizer.update(gradients, 1e-4)
      dispose([...gradients.values()])
    },

    async tapeStep() {
      const loss = tidy(() => {
        const mean = () => tf.mean<Scalar>(tape.losses(variables, tokens, rows))
        return tapeOptimizer.minimize(mean, true, Object.values(variables)) as Scalar
      })
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
