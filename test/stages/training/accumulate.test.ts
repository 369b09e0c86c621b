import * as tf from '@tensorflow/tfjs-core'
import type { StoredTensor } from '../../../schemas/safetensors.ts'
import { UserError } from '../../../schemas/user-error.ts'
import { backward } from '../../../stages/training/backward.ts'
import { forward } from '../../../stages/training/forward.ts'
import { GradientSum } from '../../../stages/training/gradient-sum.ts'
import { type BatchRecord, mergeRecords } from '../../../stages/training/merge-records.ts'
import type { Gradients, Step } from '../../../stages/training/messages.ts'
import { optimize } from '../../../stages/training/optimize.ts'
import { onEveryBackend } from './backends.ts'
import { batches, context, drain, rows, train, type TrainOptions } from './small-run.ts'

await onEveryBackend((backend) => {
  const run = (options: TrainOptions, source = batches('shards')) =>
    train(source, { ...options, model: { backend: backend().name, ...options.model } })

  async function outcome(messages: AsyncIterable<Step>) {
    const seen: Step[] = []
    let parameters = new Map<string, StoredTensor>()
    for await (const step of messages) {
      seen.push(step)
      parameters = await step.model.parameters.export()
    }
    return { seen, parameters }
  }

  test.each(['adamw', 'lion', 'sgd'] as const)(
    'two batches of 4 rows train as one batch of 8 does (%s)',
    async (name) => {
      // Adam divides noise by noise in its first steps, so that a large epsilon is needed for parameters to be alike.
      const optimizer = {
        optimizer: name,
        peak: name === 'sgd' ? 0.3 : 0.003,
        ...(name === 'adamw' && { epsilon: 1e-3 }),
      }
      const [halves, whole] = [
        await outcome(run({ optimizer: { ...optimizer, accumulate: 2 } })),
        await outcome(run({ optimizer }, batches('shards', { rowsEach: 2 * rows }))),
      ]
      expect(halves.seen.map(({ updates, steps }) => [updates, steps])).toEqual(
        whole.seen.map(({ updates, steps }) => [updates, steps]),
      )
      expect(halves.seen.length).toBe(5)
      halves.seen.forEach(({ record }, i) => {
        const expected = whole.seen[i].record
        if (!record || !expected) return expect([record, expected]).toEqual([undefined, undefined])
        expect(record).toMatchObject({
          step: i - 1,
          tokens: expected.tokens,
          learningRate: expected.learningRate,
          keptFraction: 1,
          threshold: null,
        })
        expect(Math.abs(record.loss - expected.loss)).toBeLessThan(1e-5)
        expect(Math.abs(record.gradientNorm / expected.gradientNorm - 1)).toBeLessThan(1e-5)
      })
      for (const [parameter, { values }] of halves.parameters) {
        const expected = whole.parameters.get(parameter)!.values
        const errors = values.map((value, i) => Math.abs(value - expected[i]))
        expect(Math.max(...errors)).toBeLessThan(1e-5)
      }
    },
  )

  test('the last update takes the batches that are left', async () => {
    const { seen } = await outcome(run({ optimizer: { accumulate: 3 } }))
    expect(seen.map(({ updates, steps, batch }) => [updates, steps, batch.step])).toEqual([
      [0, 3, 0],
      [1, 3, 2],
      [2, 3, 5],
      [3, 3, 7],
    ])
    expect(seen.map(({ record }) => record?.tokens)).toEqual([undefined, 72, 72, 48])
    expect(seen[3].record?.stepMs).toBeGreaterThan(seen[3].record!.forwardMs + seen[3].record!.backwardMs)
  })

  test('batches count by the tokens that they keep', () => {
    const before = tf.memory().numTensors
    const sum = new GradientSum()
    const kept = [0.5, 0.25, 0.25]
    kept.forEach((keptFraction, i) => {
      const gradients = new Map([['weight', tf.tensor1d([i + 1, 10 * (i + 1)])]])
      const record = { tokens: 200, keptFraction } as Gradients['record']
      sum.add({ gradients, record, startedAt: 7 + i } as unknown as Gradients)
      tf.dispose([...gradients.values()])
      expect(tf.memory().numTensors).toBe(before + 1)
    })
    // (1·0.5 + 2·0.25 + 3·0.25) / 1 = 1.75
    const mean = sum.gradients
      .get('weight')!
      .dataSync()
      .map((value) => value * sum.scale)
    expect([...mean]).toEqual([1.75, 17.5])
    expect(sum.startedAt).toBe(7)
    sum.clear()
    expect(tf.memory().numTensors).toBe(before)
  })

  test('tensors are as many after every update, and none is left when a run ends within one', async () => {
    const before = tf.memory().numTensors
    const counts = new Set<number>()
    for await (const { updates } of run({ optimizer: { accumulate: 2 } })) {
      if (updates > 0) counts.add(tf.memory().numTensors)
    }
    expect(counts.size).toBe(1)
    expect(tf.memory().numTensors).toBe(before)

    async function* broken() {
      for await (const batch of batches('shards')) {
        if (batch.step === 3) throw new Error('The shard is gone.')
        yield batch
      }
    }
    await expect(drain(run({ optimizer: { accumulate: 2 } }, broken()))).rejects.toThrow('The shard is gone.')
    expect(tf.memory().numTensors).toBe(before)
  })

  test.each([
    [
      1,
      2,
      'Its batch, 2, holds documents 6 (part 1, row 106) to 8 (part 1, row 108) of the order of `shards`, counted from 0.',
    ],
    [
      3,
      1,
      'Its first batch, 3, holds documents 9 (part 1, row 109) to 11 (part 1, row 111) of the order of `shards`, counted from 0, and its last, 5, documents 15 (part 1, row 115) to 17 (part 1, row 117) of the order of `shards`, counted from 0.',
    ],
  ])(
    'a gradient that is not a number stops the run before the update, and names the batches of the step (%d)',
    async (accumulate, step, batchesSaid) => {
      const before = tf.memory().numTensors
      const spoiledBatch = step * accumulate
      async function* ordered() {
        const places = {
          parts: new Uint32Array(24).fill(1),
          rows: Uint32Array.from({ length: 24 }, (_, i) => 100 + i),
        }
        for await (const batch of batches('shards')) {
          const documents = batch.documents.map(
            (_, i) => 3 * batch.step + Math.floor((3 * i) / batch.documents.length),
          )
          yield { ...batch, documents, places }
        }
      }
      async function* spoiled(items: AsyncIterable<Gradients>) {
        for await (const item of items) {
          if (item.batch.step === spoiledBatch) {
            item.gradients.get('model.norm.weight')?.dispose()
            ;(item.gradients as Map<string, tf.Tensor>).set('model.norm.weight', tf.fill([16], NaN))
          }
          yield item
        }
      }
      const model = { dim: 16, layers: 2, heads: 4, backend: backend().name }
      const gradients = backward.run(forward.run(ordered(), context(forward, model)), context(backward, {}))
      const updates = optimize.run(spoiled(gradients), context(optimize, { accumulate }))
      let kept = new Map<string, StoredTensor>()
      const run = async () => {
        for await (const { model } of updates) kept = await model.parameters.export()
      }
      const problem = await run().catch((error: unknown) => error)
      expect(problem).toBeInstanceOf(UserError)
      expect((problem as Error).message).toContain(
        `The gradient's norm is NaN in step ${step}: training diverged. ${batchesSaid} Checkpoints written so far stay.`,
      )
      expect([...kept.values()].every(({ values }) => values.every(Number.isFinite))).toBe(true)
      expect(tf.memory().numTensors).toBe(before)
    },
  )
})

test('the record of a step is put together from its batches', () => {
  const common = { step: 9, keepRatio: 0.5, waitingMs: 1, forwardMs: 2, backwardMs: 3, tokens: 100 }
  const first = {
    ...common,
    loss: 2,
    keptLoss: 3,
    keptFraction: 0.75,
    threshold: 2.5,
    keptByPhase: { 0: 0.75 },
    keptByFrequency: [1, 1, 0.5, 0.5] as const,
    documentGini: 0.2,
    mostKept: [5, 6, 7],
  }
  const second = {
    ...common,
    loss: 4,
    keptLoss: 5,
    keptFraction: 0.25,
    threshold: 4.5,
    keptByPhase: { 0: 0.25, 1: 0.5 },
    keptByFrequency: [0, 0, 0.5, 0.5] as const,
    documentGini: 0.6,
    mostKept: [7, 8, 6],
  }
  const batchOf = (...phases: number[]) => ({ length: 25, phases: Int32Array.from(phases) })
  const merged = mergeRecords(4, [
    { batch: batchOf(0, 0, 0, 0), record: first },
    { batch: batchOf(0, 1, 1, 1), record: second },
  ])
  expect(merged).toEqual({
    step: 4,
    loss: 3,
    keptLoss: 3.5,
    keepRatio: 0.5,
    keptFraction: 0.5,
    threshold: 2.5,
    keptByPhase: { 0: 0.65, 1: 0.5 },
    keptByFrequency: [0.5, 0.5, 0.5, 0.5],
    documentGini: expect.closeTo(0.3, 12) as number,
    mostKept: [7, 6, 5],
    tokens: 200,
    waitingMs: 2,
    forwardMs: 4,
    backwardMs: 6,
  })
})

test('a phase of a step has the share of its tokens, however many of its rows a batch has and however long they are', () => {
  const partOf = (phases: number[], length: number, keptByPhase: Record<string, number>) => ({
    batch: { length, phases: Int32Array.from(phases) },
    record: {
      tokens: phases.length * length,
      keptFraction: 0.5,
      mostKept: [],
      keptByFrequency: [],
      keptByPhase,
    },
  })
  const shares = (...parts: ReturnType<typeof partOf>[]) =>
    mergeRecords(0, parts as unknown as BatchRecord[]).keptByPhase
  const [one, fifteen] = [[3, ...new Array<number>(15).fill(1)], new Array<number>(16).fill(3).fill(1, 0, 1)]
  expect(shares(partOf(one, 8, { 1: 0.4, 3: 1 }), partOf(fifteen, 8, { 1: 1, 3: 0.2 }))).toEqual({
    1: expect.closeTo((15 * 0.4 + 1) / 16, 12) as number,
    3: expect.closeTo(0.25, 12) as number,
  })
  expect(shares(partOf([0, 0], 8, { 0: 1 }), partOf([0], 16, { 0: 0.5 }))).toEqual({ 0: 0.75 })
})
