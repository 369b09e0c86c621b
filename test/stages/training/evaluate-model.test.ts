import { copyFile, mkdtemp, rm } from 'node:fs/promises'
import { createHash } from 'node:crypto'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as tf from '@tensorflow/tfjs-core'
import { valuesOf } from '../../../schemas/safetensors.ts'
import { UserError } from '../../../schemas/user-error.ts'
import type { Backend } from '../../../stages/training/backend/backend.ts'
import { openBackend } from '../../../stages/training/backend/open-backend.ts'
import type { Checkpoint } from '../../../stages/training/checkpoint-folder.ts'
import { evaluate as evaluateStage } from '../../../stages/training/evaluate.ts'
import { evaluateModel } from '../../../stages/training/evaluate-model.ts'
import type { Batch, Step } from '../../../stages/training/messages.ts'
import { modelConfig } from '../../../stages/training/model/config.ts'
import { initialValues } from '../../../stages/training/model/initialise.ts'
import { Model } from '../../../stages/training/model/model.ts'
import { parameterShapes } from '../../../stages/training/model/parameter-shapes.ts'
import { makeShards, readDocuments, sentences } from '../curriculum/shards-fixture.ts'
import { train } from '../shards/corpus.ts'
import { referenceLosses } from './reference-model.ts'
import { batches, context, drain } from './small-run.ts'

const length = 9
const endOfText = 0
let shards: Awaited<ReturnType<typeof makeShards>>
let folder: string
let model: Checkpoint
let backend: Backend
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'gradus-evaluate-'))
  shards = await makeShards([await sentences(2)], { heldOut: 0.1 })
  const config = modelConfig({ dim: 16, layers: 1, heads: 4, kvHeads: 2, context: 12 }, 600)
  const tensors = new Map(
    [...initialValues(config, 4)].map(([name, values]) => [
      name,
      { shape: parameterShapes(config).get(name) ?? [], values: values.map((value) => 5 * value) },
    ]),
  )
  const tokenizer = join(folder, 'tokenizer.json')
  await copyFile(join(shards.shards, 'tokenizer.json'), tokenizer)
  model = { config, tensors, endOfText, tokenizer }
  backend = await openBackend('wasm')
})
afterAll(async () => {
  await shards.remove()
  await rm(folder, { recursive: true })
})

const evaluate = (size: object, checkpoint = model) =>
  evaluateModel(checkpoint, shards.shards, { tokens: 400, length, ...size }, backend, () => undefined)

test('bits per byte are those of a model in 64-bit arithmetic on the held-out documents', async () => {
  const before = tf.memory().numTensors
  const measured = await evaluate({})
  expect(tf.memory().numTensors).toBe(before)

  const hash = (text: string) => createHash('sha256').update(text).digest().readBigUInt64BE()
  const heldOut = (await readDocuments(shards.shards))
    .filter((document) => document.heldOut && document.tokens.length > 0)
    .sort((a, b) => (hash(a.text) < hash(b.text) ? -1 : 1))
  const stream = [endOfText]
  const counts = [false]
  let bytes = 0
  let tokens = 0
  for (const { text, tokens: ids } of heldOut) {
    if (tokens + ids.length > 400) break
    tokens += ids.length
    bytes += Buffer.byteLength(text)
    stream.push(...ids, endOfText)
    counts.push(...ids.map(() => true), false)
  }
  const numbers = Object.fromEntries(
    [...model.tensors].map(([name, { values }]) => [name, Float64Array.from(values)]),
  )
  let nats = 0
  for (let start = 0; start + 1 < stream.length; start += length) {
    const row = Int32Array.from({ length: length + 1 }, (_, i) => stream[start + i] ?? endOfText)
    const losses = referenceLosses(model.config, numbers, row, 1)
    losses.forEach((loss, i) => (nats += counts[start + i + 1] ? loss : 0))
  }
  expect(tokens).toBeGreaterThan(300)
  expect(measured).toMatchObject({
    tokens,
    bytes,
    parameters: 600 * 16 + 3 * 16 + 2 * 256 + 2 * 128 + 3 * 16 * 64,
  })
  expect(measured.nats).toBeCloseTo(nats / tokens, 5)
  expect(measured.bitsPerByte).toBeCloseTo(nats / Math.LN2 / bytes, 5)
  expect(measured.perplexity).toBeCloseTo(Math.exp(nats / tokens), 1)
})

test('another tokenizer, rows longer than the context, and a folder without shards are refused', async () => {
  const tokenizer = join(folder, 'other.json')
  await train(tokenizer, ['Other words have other tokens, other words have other tokens.'], 270)
  await expect(evaluate({}, { ...model, tokenizer })).rejects.toThrow('has another tokenizer than the shards')
  await expect(evaluate({ length: 13 })).rejects.toThrow('reads 12 tokens at most, and --length is 13')
  await expect(evaluateModel(model, folder, { tokens: 1, length }, backend, () => undefined)).rejects.toThrow(
    'holds no shards',
  )
})

test('a model with fewer tokens than the tokenizer is refused, one with more has rows to spare', async () => {
  const withVocabulary = (vocabulary: number) => ({
    ...model,
    config: { ...model.config, vocabulary },
    tensors: new Map(
      [...model.tensors].map(([name, { shape, values }]) =>
        name === 'model.embed_tokens.weight'
          ? [
              name,
              {
                shape: [vocabulary, 16],
                values: Float32Array.from({ length: vocabulary * 16 }, (_, i) => values[i] ?? 0),
              },
            ]
          : [name, { shape, values }],
      ),
    ),
  })
  await expect(evaluate({}, withVocabulary(599))).rejects.toThrow(
    `The model \`${folder}\` has 599 tokens, and its tokenizer gives ids up to 599.`,
  )
  await expect(evaluate({}, withVocabulary(640))).resolves.toHaveProperty('tokens')
})

/** The model with a last norm that makes every loss NaN. */
function broken(): Checkpoint {
  const { shape, values } = model.tensors.get('model.norm.weight')!
  const norm = { shape, values: values.map(() => NaN) }
  return { ...model, tensors: new Map(model.tensors).set('model.norm.weight', norm) }
}

test('a model without a finite loss has no bits per byte, and is refused', async () => {
  const before = tf.memory().numTensors
  await expect(evaluate({}, broken())).rejects.toThrow(
    `The model \`${folder}\` has no finite loss on held-out text: it is NaN. Take another checkpoint.`,
  )
  expect(tf.memory().numTensors).toBe(before)
})

test.each([
  [0, /^The loss on held-out text is NaN before the first step\. Give `from` of `forward` another model\.$/],
  [
    3,
    /^The loss on held-out text is NaN after 3 steps: training diverged\. Checkpoints written so far stay\./,
  ],
])(
  'an evaluation in a run ends it where the loss is not finite, after %d updates',
  async (updates, sentence) => {
    const { config, tensors } = broken()
    const diverged = new Model(config, valuesOf(tensors), backend)
    const corpus = { shards: shards.shards, vocabulary: 600, endOfText }
    const { value: batch } = (await batches(shards.shards, { change: { corpus } }).next()) as { value: Batch }
    const optimizer = diverged.kernels.optimizer(diverged.parameters, {
      rule: { name: 'sgd', momentum: 0 },
      decay: 0,
      groups: {},
    })
    async function* steps(): AsyncGenerator<Step> {
      yield { updates, steps: 3, batch, model: diverged, optimizer }
    }
    try {
      const outcome = drain(evaluateStage.run(steps(), context(evaluateStage, { tokens: 100 })))
      await expect(outcome).rejects.toThrow(sentence)
      await expect(outcome).rejects.toBeInstanceOf(UserError)
    } finally {
      optimizer.dispose()
      diverged.dispose()
    }
  },
)
