import { mkdir, mkdtemp, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as tf from '@tensorflow/tfjs-core'
import type { z } from 'zod'
import { UserError } from '../../../schemas/user-error.ts'
import { checkpoint } from '../../../stages/training/checkpoint.ts'
import { readCheckpoint } from '../../../stages/training/checkpoint-folder.ts'
import type { Batch, Step } from '../../../stages/training/messages.ts'
import { readNewestModel } from '../../../stages/training/newest-model.ts'
import { randomKeep } from '../../../stages/training/random-keep.ts'
import { askFor, isPaused } from '../../../stages/training/requests.ts'
import { findResumePoint } from '../../../stages/training/resume-point.ts'
import { readTrainingState } from '../../../stages/training/training-state.ts'
import { onEveryBackend } from './backends.ts'
import { batches as cut, context, drain, said, train as trainSmall, type TrainOptions } from './small-run.ts'

let folder: string
let run: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'gradus-checkpoint-'))
  run = join(folder, 'run')
  await mkdir(run)
  await writeFile(join(folder, 'tokenizer.json'), '{}')
})
afterEach(() => rm(folder, { recursive: true }))

const batches = (from = 0, change?: Partial<Batch>) => cut(folder, { from, ...(change && { change }) })

/** Adds bits per byte to some messages, by the updates made before them. */
async function* evaluated(items: AsyncIterable<Step>, bits: readonly number[]): AsyncGenerator<Step> {
  for await (const step of items) {
    const bitsPerByte = bits[step.updates]
    const evaluation = { step: step.updates, bitsPerByte, nats: 1, perplexity: 1, tokens: 1, bytes: 1 }
    yield { ...step, evaluation: { ...evaluation, unigramBitsPerByte: 1 } }
  }
}

await onEveryBackend((backend) => {
  function train(
    source = batches(),
    resume?: string,
    options: Partial<TrainOptions> = {},
  ): AsyncGenerator<Step> {
    return trainSmall(source, {
      select: (items) => randomKeep.run(items, context(randomKeep, { keep: 0.5 })),
      model: { backend: backend().name, ...options.model, resume },
      optimizer: { ...options.optimizer, resume },
    })
  }
  const kept = (items: AsyncIterable<Step>, options: Partial<z.input<typeof checkpoint.options>> = {}) =>
    checkpoint.run(items, context(checkpoint, { to: run, ...options }))
  const names = () => readdir(join(run, 'checkpoints'))
  const at = (updates: number) => join(run, 'checkpoints', `step-00000${updates}`)
  /** Whatever files a checkpoint holds, but for the milliseconds of its last step. */
  async function filesOf(path: string) {
    const files = (await readdir(path)).map(async (name) => [
      name,
      await readFile(join(path, name), 'latin1'),
    ])
    const { 'training-state.json': state, ...others } = Object.fromEntries(
      await Promise.all(files),
    ) as Record<string, string>
    return { ...others, state: state.replace(/"(\w+Ms|checksum)": .*/g, '') }
  }

  test.each([
    [1, 'adamw', 1],
    [5, 'lion', 1],
    [6, 'sgd', 1],
    [7, 'adamw', 1],
    [1, 'adamw', 3],
    [2, 'lion', 3],
  ] as const)(
    'a run that goes on after %d updates of %s, each of %d batches, comes to the same checkpoint, to the last bit',
    async (n, name, accumulate) => {
      const optimizer = { optimizer: name, peak: undefined, accumulate }
      const last = Math.ceil(8 / accumulate)
      const before = tf.memory().numTensors
      await drain(kept(train(undefined, undefined, { optimizer }), { every: 1, keep: 9 }))
      const whole = await filesOf(at(last))
      await rm(at(last), { recursive: true })
      const updates: number[] = []
      const source = batches((await readTrainingState(at(n))).batches)
      for await (const step of kept(train(source, at(n), { optimizer }), { every: 1, keep: 9 })) {
        updates.push(step.updates)
        expect(step.record?.step).toBe(step.updates - 1)
      }
      expect(updates).toEqual(Array.from({ length: last + 1 - n }, (_, i) => n + i))
      expect(await filesOf(at(last))).toEqual(whole)
      expect(tf.memory().numTensors).toBe(before)
    },
  )

  test('a checkpoint of another optimizer is refused in a sentence', async () => {
    const before = tf.memory().numTensors
    await drain(kept(train()))
    const outcome = drain(train(batches(7), at(8), { optimizer: { optimizer: 'lion' } }))
    await expect(outcome).rejects.toThrow('was trained with `optimizer: adamw`, and `optimize` says lion')
    await expect(outcome).rejects.toBeInstanceOf(UserError)
    expect(tf.memory().numTensors).toBe(before)
  })

  test('a run that had made all its updates gives its last message again, and makes no other', async () => {
    await drain(kept(train()))
    const messages = []
    for await (const { updates, record } of train(batches(7), at(8))) messages.push([updates, record?.step])
    expect(messages).toEqual([[8, 7]])
  })

  test('the newest stay, and with `best` the best one of all that were evaluated', async () => {
    await drain(kept(train(), { every: 2, keep: 2 }))
    expect(await names()).toEqual(['step-000006', 'step-000008'])
    await rm(run, { recursive: true })
    const bits = [5, 4, 4.5, 3, 3.5, 3.1, 3.2, 3.3, 3.4]
    await drain(kept(evaluated(train(), bits), { every: 2, keep: 2, best: true }))
    expect(await names()).toEqual(['step-000003', 'step-000006', 'step-000008'])
    expect(said.at(-1)).toBe(`The best model is \`${at(3)}\`, with 3.000 bits per byte on held-out text.`)
  })

  test('a run that goes on knows the best model of before', async () => {
    const bits = [5, 4, 4.5, 3, 3.5, 3.1, 3.2, 3.3, 3.4]
    for await (const { updates } of kept(evaluated(train(), bits), { every: 2, best: true })) {
      if (updates === 7) break
    }
    await drain(kept(evaluated(train(batches(6), at(6)), bits), { every: 2, best: true }))
    expect(await names()).toEqual(['step-000003', 'step-000006', 'step-000008'])
  })

  test('`best` without an evaluation is refused', async () => {
    await expect(drain(kept(train(), { best: true }))).rejects.toThrow('Put an `evaluate` stage before it')
  })

  test('checkpoints ahead of a run that goes on make room for its own', async () => {
    await drain(kept(train(), { every: 1, keep: 9 }))
    await drain(kept(train(batches(3), at(3)), { every: 4, keep: 2 }))
    expect(await names()).toEqual(['step-000004', 'step-000008'])
  })

  test('a run that is asked for a checkpoint writes it after the step at hand, and no other', async () => {
    for await (const { updates } of kept(train(), { every: 0, keep: 9 })) {
      if (updates === 2) await askFor('checkpoint-now', run)
    }
    expect(await names()).toEqual(['step-000003', 'step-000008'])
    expect(await readdir(run)).toEqual(['checkpoints'])
  })

  test('a run that is paused makes no step, and ends at once when it is told to', async () => {
    const before = tf.memory().numTensors
    const controller = new AbortController()
    const interruption = { defer: () => {}, wished: false, fulfil: () => controller.abort() }
    const items = train()
    const stage = checkpoint.run(items, {
      ...context(checkpoint, { to: run, every: 0 }),
      ...{ signal: controller.signal, interruption },
    })
    for (let message = 0; message < 3; message++) await stage.next()
    await askFor('pause', run)
    const next = stage.next().catch(() => undefined)
    while (!(await isPaused(run))) await new Promise((resolve) => setTimeout(resolve, 10))
    expect(said.at(-1)).toMatch(/^Paused after step 2, until `.*pause` is gone\./)
    interruption.wished = true
    while (!controller.signal.aborted) await new Promise((resolve) => setTimeout(resolve, 10))
    expect(await names()).toEqual(['step-000002'])
    expect(await isPaused(run)).toBe(false)
    await next
    await items.return(undefined)
    expect(tf.memory().numTensors).toBe(before)
  })

  test('a run that is aborted while a checkpoint is written leaves no part of it', async () => {
    const controller = new AbortController()
    const items = train()
    const stage = checkpoint.run(items, {
      ...context(checkpoint, { to: run, every: 1 }),
      signal: controller.signal,
    })
    for (let message = 0; message < 3; message++) await stage.next()
    const written = stage.next()
    controller.abort()
    await expect(written).rejects.toThrow('aborted')
    await items.return(undefined)
    expect(await names()).toEqual(['step-000001', 'step-000002'])
  })

  test.each([
    [{ dim: 32 }, {}, 'is of a model with `dim` 16, and `forward` makes one with 32'],
    [{ context: 99 }, {}, 'is of a model with `context` 256, and `forward` makes one with 99'],
    [{}, { stream: 'cubes' }, 'was trained on other batches than these'],
  ])(
    'a checkpoint does not go on as another model or with other batches: %o %o',
    async (options, change, sentence) => {
      const before = tf.memory().numTensors
      await drain(kept(train()))
      const outcome = drain(train(batches(7, change), at(8), { model: options }))
      await expect(outcome).rejects.toThrow(sentence)
      await expect(outcome).rejects.toBeInstanceOf(UserError)
      expect(tf.memory().numTensors).toBe(before)
    },
  )

  test('a checkpoint does not go on with another tokenizer', async () => {
    await drain(kept(train()))
    await writeFile(join(folder, 'tokenizer.json'), '{"version": "other"}')
    const outcome = drain(train(batches(7), at(8)))
    await expect(outcome).rejects.toThrow('have another tokenizer than the checkpoint')
    await expect(outcome).rejects.toBeInstanceOf(UserError)
  })

  const changeBit = async (path: string) => {
    const bytes = await readFile(path)
    bytes[bytes.length - 5] ^= 1
    await writeFile(path, bytes)
  }
  /** Of all eight steps. */
  const writeRecords = () => {
    const records = Array.from({ length: 8 }, (_, step) => `${JSON.stringify({ step })}\n`)
    return writeFile(join(run, 'steps.jsonl'), records.join(''))
  }

  test('a run passes over a checkpoint in which a single bit has changed, and says why', async () => {
    await drain(kept(train(), { every: 4 }))
    const path = join(at(8), 'optimizer.safetensors')
    await changeBit(path)
    await writeRecords()
    const sentences: string[] = []
    const point = await findResumePoint(run, run, undefined, (sentence) => sentences.push(sentence))
    expect(point).toMatchObject({ folder: at(4), state: { updates: 4, batches: 4, optimizer: 'adamw' } })
    expect(sentences).toEqual([
      `The checkpoint after 8 steps is passed over: \`${path}\` was altered since it was written.`,
    ])
  })

  test('a run goes on from before a damaged checkpoint that its mean needs, and from after one that it does not', async () => {
    await drain(kept(train(), { every: 2, keep: 4 }))
    const path = join(at(4), 'model.safetensors')
    await changeBit(path)
    await writeRecords()
    const sentences: string[] = []
    const find = (average: string, count: number) =>
      findResumePoint(run, run, { average, every: 2, 'average-of': count }, (said) => sentences.push(said))
    expect(await find('uniform', 3)).toMatchObject({ folder: at(2) })
    expect(sentences).toEqual([
      `The checkpoint after 4 steps is passed over, and the mean of the last models needs it, so that the run goes on from before: \`${path}\` was altered since it was written.`,
    ])
    expect(await find('uniform', 2)).toMatchObject({ folder: at(8) })
    expect(await find('none', 3)).toMatchObject({ folder: at(8) })
    expect(sentences).toHaveLength(1)
  })

  test('text is generated from the newest model that is whole', async () => {
    await drain(kept(train(), { every: 4 }))
    const whole = await readNewestModel(run, () => expect('said nothing').toBe(''))
    expect(whole.tensors).toEqual((await readCheckpoint(at(8))).tensors)
    // What an optimizer remembers has no part in it.
    await rm(join(at(8), 'optimizer.safetensors'))
    await readNewestModel(run, () => expect('said nothing').toBe(''))

    await rm(join(at(8), 'model.safetensors'))
    const sentences: string[] = []
    const before = await readNewestModel(run, (sentence) => sentences.push(sentence))
    expect(before.tensors).toEqual((await readCheckpoint(at(4))).tensors)
    expect(sentences).toEqual([
      `The checkpoint after 8 steps is passed over: \`${join(at(8), 'model.safetensors')}\` is missing.`,
    ])
    await truncate(join(at(4), 'model.safetensors'), 3000)
    await expect(readNewestModel(run, () => undefined)).rejects.toThrow('No checkpoint in')
    await expect(readNewestModel(at(4), () => undefined)).rejects.toThrow('has 3000 bytes and not')
    await expect(readNewestModel(folder, () => undefined)).rejects.toThrow('holds no checkpoint')
  })

  test('a checkpoint that is cut or lacks its state is refused in a sentence', async () => {
    await drain(kept(train()))
    await truncate(join(at(8), 'optimizer.safetensors'), 2000)
    await expect(drain(train(batches(7), at(8)))).rejects.toThrow('is not a whole safetensors file')
    await rm(join(at(8), 'training-state.json'))
    await expect(drain(train(batches(7), at(8)))).rejects.toThrow(
      'its `training-state.json` is missing, cut or altered',
    )
    await truncate(join(at(8), 'model.safetensors'), 2000)
    await expect(readCheckpoint(run)).rejects.toThrow('is not a whole safetensors file')
    await rm(join(at(8), 'model.safetensors'))
    await expect(readCheckpoint(run)).rejects.toThrow('is not a whole safetensors file: it is missing')
  })
})
