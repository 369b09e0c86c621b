import * as tf from '@tensorflow/tfjs-core'
import type { z } from 'zod'
import { UserError } from '../../../schemas/user-error.ts'
import type { StoredTensor } from '../../../schemas/safetensors.ts'
import type { StageContext, StageDefinition } from '../../../stages/stage.ts'
import { backward } from '../../../stages/training/backward.ts'
import { forward } from '../../../stages/training/forward.ts'
import type { Batch, Forwarded, Gradients, Selected, Step } from '../../../stages/training/messages.ts'
import { ohem } from '../../../stages/training/ohem.ts'
import { optimize } from '../../../stages/training/optimize.ts'
import { randomKeep } from '../../../stages/training/random-keep.ts'
import { onEveryBackend } from './backends.ts'

const vocabulary = 61
const [rows, length, steps] = [4, 6, 8]

/** Sequences that count upwards by one or two, so that there is something to learn. */
async function* batches(
  count = steps,
  change: (batch: Batch) => Batch = (batch) => batch,
): AsyncGenerator<Batch> {
  for (let step = 0; step < count; step++) {
    const tokens = Int32Array.from({ length: rows * (length + 1) }, (_, i) => {
      const row = Math.floor(i / (length + 1))
      return (step * 7 + row * 11 + (i % (length + 1)) * (1 + (row % 2))) % vocabulary
    })
    yield change({
      step,
      steps,
      rows,
      length,
      tokens,
      documents: new Int32Array(tokens.length),
      hardness: new Float32Array(rows),
      phases: new Int32Array(rows),
      corpus: { shards: 'shards', vocabulary, endOfText: 0 },
      stream: 'of counting',
    })
  }
}

const said: string[] = []
/** Losses of the same run by back end. */
const lossesBy = new Map<string, number[]>()

function context<Options extends z.ZodObject>(
  stage: StageDefinition<Options, readonly never[], never> | { options: Options },
  options: z.input<Options>,
): StageContext<z.output<Options>> {
  return {
    options: stage.options.parse(options),
    signal: new AbortController().signal,
    stats: { add: () => undefined, drop: () => undefined, set: () => undefined, expect: () => undefined },
    log: (sentence) => said.push(sentence),
  }
}

const model = { dim: 16, layers: 2, heads: 4, 'kv-heads': 2, seed: 3 }
const optimizer = { peak: 0.03, 'warm-up': 2 }

type Select = (items: AsyncIterable<Forwarded>) => AsyncIterable<Forwarded | Selected>
const none: Select = (items) => items
const hard =
  (options: z.input<typeof ohem.options>): Select =>
  (items) =>
    ohem.run(items, context(ohem, options))
const random =
  (options: z.input<typeof randomKeep.options>): Select =>
  (items) =>
    randomKeep.run(items, context(randomKeep, options))

/** A stage that asks for the gradients by the inputs, and fails at those of the fourth batch. */
const withListener: Select = async function* (items) {
  for await (const item of items) {
    const fails = item.batch.step === 3
    yield {
      ...item,
      onInputGradients: () =>
        fails ? Promise.reject(new UserError('The disk is full.')) : Promise.resolve(),
    }
  }
}

await onEveryBackend((backend) => {
  const forwarded = (source = batches(), options = {}) =>
    forward.run(source, context(forward, { ...model, backend: backend().name, ...options }))
  const train = (select: Select = none, source = batches()): AsyncGenerator<Step> =>
    optimize.run(backward.run(select(forwarded(source)), context(backward, {})), context(optimize, optimizer))

  /** Everything that a run did and came to. */
  async function outcome(select: Select) {
    const records = []
    let parameters = new Map<string, StoredTensor>()
    for await (const { record, model } of train(select)) {
      if (record) records.push(record)
      parameters = await model.parameters.export()
    }
    return { records, parameters }
  }
  const timeless = ({ records, parameters }: Awaited<ReturnType<typeof outcome>>) => ({
    parameters,
    records: records.map(({ waitingMs: _w, forwardMs: _f, backwardMs: _b, stepMs: _s, ...record }) => record),
  })

  test('a run lowers the loss and records every step', async () => {
    const updates: number[] = []
    const records = []
    for await (const step of train()) {
      updates.push(step.updates)
      if (step.record) records.push(step.record)
    }
    expect(updates).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8])
    expect(records.map(({ step }) => step)).toEqual([0, 1, 2, 3, 4, 5, 6, 7])
    expect(records[0].loss).toBeCloseTo(Math.log(vocabulary), 1)
    expect(records[7].loss).toBeLessThan(records[0].loss - 0.3)
    for (const { tokens, keptFraction, keepRatio, threshold, stepMs, forwardMs, backwardMs } of records) {
      expect([tokens, keptFraction, keepRatio, threshold]).toEqual([24, 1, 1, null])
      expect(stepMs).toBeGreaterThan(forwardMs + backwardMs)
    }
    expect(records[0].learningRate).toBeCloseTo(0.015)
    lossesBy.set(
      backend().name,
      records.map(({ loss }) => loss),
    )
    expect(said.at(-1)).toContain(`Training runs on ${backend().name}`)
  })

  test('the same seed gives the same run to the last bit', async () => {
    const [one, two] = [await outcome(hard({ keep: 0.5 })), await outcome(hard({ keep: 0.5 }))]
    expect(timeless(one)).toEqual(timeless(two))
  })

  test.each(['sequence', 'token'] as const)(
    'OHEM that keeps all is no OHEM, to the last bit (%s)',
    async (granularity) => {
      const [all, plain] = [await outcome(hard({ keep: 1, granularity })), await outcome(none)]
      expect(all.parameters).toEqual(plain.parameters)
      expect(all.records.map(({ loss }) => loss)).toEqual(plain.records.map(({ loss }) => loss))
    },
  )

  test.each([
    ['OHEM on sequences', hard({ keep: 0.5 })],
    ['OHEM on tokens', hard({ keep: 0.5, granularity: 'token' })],
    ['a random choice of sequences', random({ keep: 0.5 })],
    ['a random choice of tokens', random({ keep: 0.5, granularity: 'token' })],
  ])('%s trains on the share that was asked for', async (_, select) => {
    const { records } = await outcome(select)
    expect(records.map(({ keptFraction }) => keptFraction)).toEqual(Array(8).fill(0.5))
    for (const { threshold, keptLoss, loss } of records) {
      if (threshold !== null) expect(keptLoss).toBeGreaterThan(loss)
    }
  })

  test('the number of tensors is the same after every step', async () => {
    const before = tf.memory().numTensors
    const counts = new Set<number>()
    for await (const { updates } of train(hard({ keep: 0.5 }))) {
      if (updates > 0) counts.add(tf.memory().numTensors)
    }
    expect(counts.size).toBe(1)
    expect(tf.memory().numTensors).toBe(before)
  })

  test('tables of attention do not grow with the numbers of rows that are kept', async () => {
    const before = tf.memory().numTensors
    const counts: number[] = []
    for await (const { updates } of train(hard({ keep: 'release' }))) {
      if (updates > 0) counts.push(tf.memory().numTensors)
    }
    // Four rows first, then three to one of them, and four again: there are tables of two numbers of rows at most.
    expect(Math.max(...counts)).toBe(counts.at(-1))
    expect(new Set(counts).size).toBe(2)
    expect(tf.memory().numTensors).toBe(before)
  })

  test('a run that ends early leaves no tensor, whichever message is on its way', async () => {
    const stages = [
      () => forwarded(),
      () => hard({ keep: 0.5 })(forwarded()),
      () => backward.run(hard({ keep: 0.5 })(forwarded()), context(backward, {})),
      () => train(hard({ keep: 0.5 })),
    ] as (() => AsyncGenerator<Forwarded | Gradients | Step>)[]
    const before = tf.memory().numTensors
    for (const start of stages) {
      const messages = start()
      await messages.next()
      await messages.next()
      expect(tf.memory().numTensors).toBeGreaterThan(before)
      await messages.return(undefined)
      expect(tf.memory().numTensors).toBe(before)
    }
  })

  test('a message that nobody took over is disposed of when the run ends', async () => {
    const before = tf.memory().numTensors
    const messages = forwarded()
    const { value } = await messages.next()
    await messages.return(undefined)
    expect((value as Forwarded).losses.isDisposed).toBe(true)
    expect(tf.memory().numTensors).toBe(before)
  })

  test('a run whose source fails leaves no tensor', async () => {
    const before = tf.memory().numTensors
    const broken = batches(steps, (batch) => {
      if (batch.step === 3) throw new UserError('The shard is gone.')
      return batch
    })
    await expect(drain(train(hard({ keep: 0.5 }), broken))).rejects.toThrow('The shard is gone.')
    expect(tf.memory().numTensors).toBe(before)
  })

  const countless = (batch: Batch) => ({ ...batch, corpus: { ...batch.corpus, vocabulary: -1 } })
  test.each<[string, string, Select, (batch: Batch) => Batch]>([
    ['nobody can take the gradients by the inputs', 'The disk is full.', withListener, (batch) => batch],
    ['what was kept cannot be counted', 'Invalid typed array length', none, countless],
  ])('a run leaves no tensor where %s', async (_, message, select, change) => {
    const before = tf.memory().numTensors
    const source = batches(steps, (batch) => (batch.step === 3 ? change(batch) : batch))
    await expect(drain(train(select, source))).rejects.toThrow(message)
    expect(tf.memory().numTensors).toBe(before)
  })

  test('a loss that is not a number stops the run before the update, and names the step', async () => {
    const before = tf.memory().numTensors
    const messages = train()
    const first = (await messages.next()).value as Step
    const { model } = first
    model.parameters.set('model.norm.weight', tf.fill([16], NaN))
    await messages.next()
    await expect(messages.next()).rejects.toThrow(
      'The loss is NaN in row 0 of batch 1: training diverged. The row holds document 0 of the order of `shards`',
    )
    expect(tf.memory().numTensors).toBe(before)
  })

  test.each([
    [{ heads: 3 }, 'dim 16 is not a multiple of heads 3'],
    [{ context: 5 }, "Batches have sequences of 6 tokens, and the model's `context` in `forward` is 5"],
  ])('sizes that do not fit are refused in one sentence: %o', async (options, message) => {
    await expect(forwarded(batches(), { ...options, 'kv-heads': undefined }).next()).rejects.toThrow(message)
    await expect(forwarded(batches(), { ...options, 'kv-heads': undefined }).next()).rejects.toBeInstanceOf(
      UserError,
    )
  })

  test('a preset gives its sizes, and options change single ones', async () => {
    const configOf = async (options: z.input<typeof forward.options>) => {
      const messages = forward.run(batches(), context(forward, { ...options, backend: backend().name }))
      const { value } = await messages.next()
      await messages.return(undefined)
      return (value as Forwarded).model.config
    }
    expect(await configOf({ preset: '260K' })).toMatchObject({
      dim: 64,
      layers: 5,
      heads: 8,
      kvHeads: 4,
      hidden: 172,
      context: 512,
      vocabulary,
      tied: true,
    })
    expect(await configOf({ preset: '260K', dim: 32, tied: false })).toMatchObject({
      dim: 32,
      kvHeads: 4,
      hidden: 96,
      tied: false,
    })
    expect(await configOf({ preset: '260K', heads: 4 })).toMatchObject({ heads: 4, kvHeads: 4, hidden: 172 })
    expect(await configOf({})).toMatchObject({
      dim: 128,
      layers: 4,
      heads: 4,
      kvHeads: 4,
      hidden: 352,
      context: 256,
    })
  })
})

test('every back end goes through the same losses', () => {
  const [losses, ...others] = lossesBy.values()
  for (const other of others) other.forEach((loss, step) => expect(loss).toBeCloseTo(losses[step], 4))
})

async function drain(messages: AsyncIterable<unknown>): Promise<void> {
  for await (const _ of messages);
}
