import { cp, mkdir, mkdtemp, readFile, rm, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import * as tf from '@tensorflow/tfjs-core'
import type { Tensor2D } from '@tensorflow/tfjs-core'
import type { z } from 'zod'
import { UserError } from '../../../schemas/user-error.ts'
import { alphabet, tokenizerJson } from '../../../stages/shards/tokenizer-json.ts'
import { writeModel } from '../../../stages/training/checkpoint-folder.ts'
import type { Batch, Forwarded, Selected } from '../../../stages/training/messages.ts'
import { modelConfig, type ModelConfig } from '../../../stages/training/model/config.ts'
import { initialValues } from '../../../stages/training/model/initialise.ts'
import { logitChunks } from '../../../stages/training/model/memory.ts'
import { Model } from '../../../stages/training/model/model.ts'
import { predictionStatistic } from '../../../stages/training/model/prediction.ts'
import { ohem } from '../../../stages/training/ohem.ts'
import { scoring } from '../../../stages/training/selection/criteria.ts'
import { normal, onEveryBackend } from './backends.ts'
import { referenceLosses, referencePredictions, type Numbers } from './reference-model.ts'

const [rows, length, vocabulary] = [3, 7, 37]
const sizes = { dim: 24, layers: 2, heads: 6, kvHeads: 2, hidden: 20, context: 16 }
const config = modelConfig(sizes, vocabulary)
const tokens = Int32Array.from({ length: rows * (length + 1) }, (_, i) => (i * i * 7 + 3 * i) % vocabulary)

/** Models that transformers wrote. */
const fixtures = fileURLToPath(new URL('fixtures', import.meta.url))

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'gradus-criteria-'))
  await writeFile(join(folder, 'tokenizer.json'), '{"of": "these shards"}')
})
afterEach(() => rm(folder, { recursive: true }))

const batchOf = (step = 0): Batch => ({
  step,
  steps: 10,
  rows,
  length,
  tokens,
  documents: new Int32Array(tokens.length),
  hardness: new Float32Array(rows),
  phases: new Int32Array(rows),
  corpus: { shards: folder, vocabulary, endOfText: 0 },
  stream: 'of squares',
})

/** A tokenizer of the bytes and a merge of two. */
function tokenizerOf(merge: string): string {
  const pair = Buffer.from(merge)
  const [left, right] = Array.from(pair, (byte) => alphabet.indexOf(byte))
  const symbols = [...Array.from(alphabet, (byte) => Uint8Array.of(byte)), pair]
  return tokenizerJson({ merges: [[left, right]], symbols })
}

/** Values large enough that predictions are far from even. */
function livelyValues(config: ModelConfig, seed: number): Map<string, Float32Array> {
  return new Map(
    [...initialValues(config, seed)].map(([name, values], i) => {
      const noise = normal<tf.Rank.R1>([values.length], seed + i, 0.3)
      const spread = noise.dataSync()
      noise.dispose()
      return [name, values.map((value, j) => value + spread[j])]
    }),
  )
}

async function numbersOf(model: Model): Promise<Numbers> {
  const stored = await model.parameters.export()
  return Object.fromEntries([...stored].map(([name, { values }]) => [name, Float64Array.from(values)]))
}

// Jest looks up a global such as Math slowly.
const { exp, log } = Math

/** Σ over the vocabulary, in plain 64-bit arithmetic. */
const sum = (values: Float64Array, term: (p: number) => number) => values.reduce((a, p) => a + term(p), 0)
const plain = {
  squares: (p: Float64Array) => sum(p, (x) => x * x),
  entropy: (p: Float64Array) => -sum(p, (x) => (x > 0 ? x * log(x) : 0)),
  largest: (p: Float64Array) => p.reduce((a, b) => (a > b ? a : b)),
}
/** The criteria as their definitions say them, from a prediction and its true token. */
const definitions = {
  'gradient-norm': (p: Float64Array, y: number) =>
    Math.sqrt(sum(p, (x) => x * x) - p[y] ** 2 + (p[y] - 1) ** 2),
  'loss-gradient-norm': (p: Float64Array, y: number) =>
    -Math.log(p[y]) * Math.sqrt(plain.squares(p) - 2 * p[y] + 1),
  'entropy-loss': (p: Float64Array, y: number) => -Math.log(p[y]) * plain.entropy(p),
  uncertainty: (p: Float64Array, y: number) => p[y] * (1 - p[y]),
}

await onEveryBackend((backend) => {
  let model: Model
  beforeAll(() => {
    model = new Model(config, livelyValues(config, 1), backend())
  })
  afterAll(() => model.dispose())

  const forwardedOf = (batch = batchOf()): Forwarded => {
    const { losses, activations } = model.forward(tokens, rows)
    return { batch, model, losses, activations, startedAt: 0, waitingMs: 0, forwardMs: 0 }
  }
  const disposeOf = ({ losses, activations }: Forwarded) => tf.dispose([losses, activations as never])

  test.each(Object.keys(definitions) as (keyof typeof definitions)[])(
    '%s agrees with its definition in 64-bit arithmetic, whether probabilities were kept or are made again',
    async (criterion) => {
      const predictions = referencePredictions(config, await numbersOf(model), tokens, rows)
      const forwarded = forwardedOf()
      const losses = (await forwarded.losses.data()) as Float32Array
      const before = tf.memory().numTensors
      const { hidden } = forwarded.activations.head
      const again = { ...forwarded, activations: { ...forwarded.activations, head: { hidden } } }
      for (const message of [forwarded, again]) {
        const scores = (await scoring[criterion]?.(message, losses)) as Float32Array
        predictions.forEach((p, i) => {
          const target = tokens[i + Math.floor(i / length) + 1]
          expect(Math.abs(scores[i] - definitions[criterion](p, target))).toBeLessThan(2e-5)
        })
      }
      expect(tf.memory().numTensors).toBe(before)
      disposeOf(forwarded)
    },
  )

  test.each(['squares', 'entropy', 'largest'] as const)(
    'the %s of predictions hold over several chunks, and where a prediction is certain',
    async (statistic) => {
      const [count, dim, words] = [48, 3, 140_000]
      expect(logitChunks(count, words).length).toBeGreaterThan(1)
      // The first row leaves nothing for any token but the last; the others have even predictions and uneven ones.
      const [hidden, matrix] = tf.tidy(() => {
        const waves = (height: number) =>
          tf.mul<Tensor2D>(3, tf.sin(tf.reshape(tf.range(0, height * dim), [height, dim])))
        return [
          tf.concat2d([tf.fill([1, dim], 1), waves(count - 1)], 0),
          tf.concat2d([waves(words - 1), tf.fill([1, dim], 200)], 0),
        ]
      })
      const tensor = predictionStatistic(model.kernels, { hidden }, matrix, statistic)
      const [ours, h, m] = await Promise.all([tensor, hidden, matrix].map((x) => x.data()))
      for (let row = 0; row < count; row += 12) {
        const logits = new Float64Array(words)
        for (let word = 0; word < words; word++) {
          for (let i = 0; i < dim; i++) logits[word] += h[row * dim + i] * m[word * dim + i]
        }
        const largest = logits.reduce((a, b) => (a > b ? a : b))
        const powers = logits.map((z) => exp(z - largest))
        const total = sum(powers, (x) => x)
        const expected = plain[statistic](powers.map((x) => x / total))
        if (row === 0) expect(total).toBe(1)
        expect(Math.abs(ours[row] - expected)).toBeLessThan(1e-4 * Math.max(1, expected))
      }
      tf.dispose([hidden, matrix, tensor])
    },
  )

  test('the entropy of a prediction that is nearly certain is never below zero', async () => {
    const before = tf.memory().numTensors
    const tensor = tf.tidy(() => {
      // Logits of 3 to 29 for one token, and of 0 for 500 others.
      const hidden = tf.reshape<tf.Rank.R2>(tf.range(3, 30, 0.25), [-1, 1])
      const matrix = tf.concat2d([tf.ones([1, 1]), tf.zeros([500, 1])], 0)
      return predictionStatistic(model.kernels, { hidden }, matrix, 'entropy')
    })
    const entropies = [...(await tensor.data())]
    entropies.forEach((entropy, i) => {
      const total = exp(3 + i / 4) + 500
      const expected = log(total) - (exp(3 + i / 4) * (3 + i / 4)) / total
      expect(entropy).toBeGreaterThanOrEqual(0)
      expect(Math.abs(entropy - expected)).toBeLessThan(1e-4)
    })
    tensor.dispose()
    expect(tf.memory().numTensors).toBe(before)
  })

  /** What `ohem` says of a forward pass, which it takes over. */
  async function selectionBy(options: z.input<typeof ohem.options>, batch = batchOf()) {
    const forwarded = forwardedOf(batch)
    async function* source() {
      yield forwarded
    }
    const context = {
      options: ohem.options.parse(options),
      signal: new AbortController().signal,
      stats: { add: () => {}, drop: () => {}, set: () => {}, expect: () => {} },
      log: () => {},
    }
    try {
      const selected: Selected[] = []
      for await (const message of ohem.run(source(), context)) selected.push(message)
      return selected[0].selection
    } finally {
      disposeOf(forwarded)
    }
  }

  test('the tokens that are kept are those with the largest scores of the criterion', async () => {
    const predictions = referencePredictions(config, await numbersOf(model), tokens, rows)
    const scores = predictions.map((p, i) =>
      definitions['gradient-norm'](p, tokens[i + Math.floor(i / length) + 1]),
    )
    const hardest = scores.map((_, i) => i).sort((a, b) => scores[b] - scores[a])
    const selection = await selectionBy({ keep: 0.3, granularity: 'token', criterion: 'gradient-norm' })
    expect([...(selection.tokens as Int32Array)]).toEqual(hardest.slice(0, 6).sort((a, b) => a - b))
    expect(selection.threshold).toBeCloseTo(scores[hardest[5]], 4)
  })

  test('backward honours the weights of a sample of sequences', async () => {
    const selection = await selectionBy({ keep: 0.67, criterion: 'uncertainty', rule: 'sample', power: 2 })
    const kept = [...(selection.rows as Int32Array)]
    expect(kept).toHaveLength(2)
    expect(selection.weights[0]).not.toBeCloseTo(selection.weights[length], 3)
    const weights = new Float32Array(rows * length)
    kept.forEach((row, i) => weights.fill(selection.weights[i * length], row * length, (row + 1) * length))
    const gradients = [selection, { weights }].map((kept) => {
      const forwarded = forwardedOf()
      const byName = model.backward(tokens, forwarded.activations, kept)
      disposeOf(forwarded)
      return byName
    })
    for (const [name, gradient] of gradients[0]) {
      const other = Float32Array.from(await (gradients[1].get(name) as tf.Tensor).data())
      const largest = other.reduce((a, b) => Math.max(a, Math.abs(b)), 0)
      const ours = await gradient.data()
      other.forEach((value, i) => expect(Math.abs(ours[i] - value)).toBeLessThan(1e-5 * largest))
    }
    tf.dispose(gradients.flatMap((byName) => [...byName.values()]))
  })

  test('at keep ratio 1 no criterion is computed, not even the reference model is read', async () => {
    const options = { keep: 1, criterion: 'excess', reference: join(folder, 'nowhere') } as const
    expect(await selectionBy(options)).toMatchObject({ keptFraction: 1, threshold: null })
  })

  /** A checkpoint in `folder` of a model of these sizes. */
  async function writeReference(
    name: string,
    other: ModelConfig,
    tokenizer = join(folder, 'tokenizer.json'),
  ) {
    const path = join(folder, name)
    const reference = new Model(other, livelyValues(other, 5), backend())
    const tensors = await reference.parameters.export()
    const numbers = await numbersOf(reference)
    reference.dispose()
    await mkdir(path)
    await writeModel(path, { config: other, tensors, endOfText: 0, tokenizer })
    return { path, numbers }
  }

  test('excess is the loss less that of a reference model of other sizes', async () => {
    const other = modelConfig({ dim: 16, layers: 1, heads: 2, context: 9, tied: false }, vocabulary)
    const { path, numbers } = await writeReference('reference', other)
    const own = referenceLosses(config, await numbersOf(model), tokens, rows)
    const excess = referenceLosses(other, numbers, tokens, rows).map((loss, i) => own[i] - loss)
    const before = tf.memory().numTensors
    const options = { keep: 0.3, granularity: 'token', criterion: 'excess', reference: path } as const
    const selection = await selectionBy(options)
    const hardest = [...excess.keys()].sort((a, b) => excess[b] - excess[a]).slice(0, 6)
    expect([...(selection.tokens as Int32Array)]).toEqual(hardest.sort((a, b) => a - b))
    expect(selection.threshold).toBeCloseTo(Math.min(...hardest.map((i) => excess[i])), 4)
    expect(tf.memory().numTensors).toBe(before)
  })

  test('a reference that does not fit is refused in one sentence', async () => {
    const { path: narrow } = await writeReference('narrow', modelConfig({ ...sizes, context: 5 }, vocabulary))
    const { path: smaller } = await writeReference('smaller', modelConfig(sizes, vocabulary - 1))
    const { path: broken } = await writeReference('broken', config)
    await writeFile(join(broken, 'model.safetensors'), 'not tensors')
    const by = (reference: string) => selectionBy({ keep: 0.5, criterion: 'excess', reference })
    const before = tf.memory().numTensors
    await expect(by(narrow)).rejects.toThrow('reads 5 tokens at most, and batches have sequences of 7')
    await expect(by(smaller)).rejects.toThrow('has 36 tokens, and its tokenizer gives ids up to 36')
    await expect(by(folder)).rejects.toThrow('holds no checkpoint')
    await expect(by(broken)).rejects.toBeInstanceOf(UserError)
    for (const [name, merge] of [
      ['tokenizer.json', 'ab'],
      ['other.json', 'xy'],
    ]) {
      await writeFile(join(folder, name), tokenizerOf(merge))
    }
    const { path: foreign } = await writeReference('foreign', config, join(folder, 'other.json'))
    await expect(by(foreign)).rejects.toThrow('has another tokenizer than the shards')
    expect(tf.memory().numTensors).toBe(before)
  })

  const identity = (reference: string) =>
    ohem.identity?.(ohem.options.parse({ keep: 0.5, criterion: 'excess', reference }))

  test("a reference model's files are part of what the stage amounts to, and its path is not", async () => {
    const { path } = await writeReference('one', config)
    const { path: same } = await writeReference('same', config)
    const { path: other } = await writeReference('other', modelConfig({ ...sizes, tied: false }, vocabulary))
    expect(await identity(path)).toEqual(await identity(same))
    expect(await identity(path)).not.toEqual(await identity(other))
    const nothing = identity(folder)
    await expect(nothing).rejects.toThrow(
      `The \`reference\` of \`ohem\` is no model to compare with: \`${folder}\` holds no checkpoint.`,
    )
    await expect(nothing).rejects.toBeInstanceOf(UserError)
    await rm(join(other, 'tokenizer.json'))
    const foreign = identity(other)
    await expect(foreign).rejects.toThrow('is no model to compare with: There is no tokenizer at')
    await expect(foreign).rejects.toBeInstanceOf(UserError)
  })

  test('a reference model in several files is compared with, and each of them is part of what the stage amounts to', async () => {
    const path = join(folder, 'in-files')
    await cp(join(fixtures, 'untied-float16-in-files'), path, { recursive: true })
    await cp(join(folder, 'tokenizer.json'), join(path, 'tokenizer.json'))
    const selection = await selectionBy({ keep: 0.5, criterion: 'excess', reference: path })
    expect(selection.keptFraction).toBeCloseTo(2 / 3, 10)
    const before = await identity(path)
    for (const number of [1, 2, 3]) {
      const file = join(path, `model-0000${number}-of-00003.safetensors`)
      const bytes = await readFile(file)
      await writeFile(file, bytes.with(bytes.length - 1, bytes[bytes.length - 1] ^ 1))
      expect(await identity(path)).not.toEqual(before)
      await writeFile(file, bytes)
    }
    expect(await identity(path)).toEqual(before)
  })

  test('what the stage amounts to follows the checkpoint that is read, not a newer one that is not whole', async () => {
    await mkdir(join(folder, 'run', 'checkpoints'), { recursive: true })
    const { path: older } = await writeReference('run/checkpoints/step-000001', config)
    const { path: newer } = await writeReference('run/checkpoints/step-000002', { ...config, context: 9 })
    expect(await identity(join(folder, 'run'))).toEqual(await identity(newer))
    await truncate(join(newer, 'model.safetensors'), 3000)
    expect(await identity(join(folder, 'run'))).toEqual(await identity(older))
  })
})
