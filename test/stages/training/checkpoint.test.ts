import { mkdtemp, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as tf from '@tensorflow/tfjs-core'
import type { z } from 'zod'
import { UserError } from '../../../schemas/user-error.ts'
import type { StageContext, StageDefinition } from '../../../stages/stage.ts'
import { backward } from '../../../stages/training/backward.ts'
import { checkpoint } from '../../../stages/training/checkpoint.ts'
import { readCheckpoint } from '../../../stages/training/checkpoint-folder.ts'
import { forward } from '../../../stages/training/forward.ts'
import type { Batch, Step } from '../../../stages/training/messages.ts'
import { optimize } from '../../../stages/training/optimize.ts'
import { randomKeep } from '../../../stages/training/random-keep.ts'
import { onEveryBackend } from './backends.ts'

const vocabulary = 61
const [rows, length, steps] = [4, 6, 8]

let folder: string
let run: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'gradus-checkpoint-'))
  run = join(folder, 'run')
  await writeFile(join(folder, 'tokenizer.json'), '{}')
})
afterEach(() => rm(folder, { recursive: true }))

async function* batches(from = 0, change: Partial<Batch> = {}): AsyncGenerator<Batch> {
  for (let step = from; step < steps; step++) {
    yield {
      step,
      steps,
      rows,
      length,
      tokens: Int32Array.from({ length: rows * (length + 1) }, (_, i) => (step * 7 + i * i) % vocabulary),
      documents: new Int32Array(rows * (length + 1)),
      hardness: new Float32Array(rows),
      phases: new Int32Array(rows),
      corpus: { shards: folder, vocabulary, endOfText: 0 },
      stream: 'squares',
      ...change,
    }
  }
}

const said: string[] = []
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

/** Adds bits per byte to some messages, by the updates made before them. */
async function* evaluated(items: AsyncIterable<Step>, bits: readonly number[]): AsyncGenerator<Step> {
  for await (const step of items) {
    const bitsPerByte = bits[step.updates]
    const evaluation = { step: step.updates, bitsPerByte, nats: 1, perplexity: 1, tokens: 1, bytes: 1 }
    yield { ...step, evaluation: { ...evaluation, unigramBitsPerByte: 1 } }
  }
}

await onEveryBackend((backend) => {
  function train(source = batches(), resume?: string, options = {}): AsyncGenerator<Step> {
    const model = { dim: 16, layers: 2, heads: 4, seed: 3, backend: backend().name, ...options }
    const forwarded = forward.run(source, context(forward, { ...model, resume }))
    const selected = randomKeep.run(forwarded, context(randomKeep, { keep: 0.5 }))
    const gradients = backward.run(selected, context(backward, {}))
    return optimize.run(gradients, context(optimize, { peak: 0.03, 'warm-up': 2, resume }))
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
    return { ...others, state: state.replace(/"\w+Ms": .*/g, '') }
  }

  test.each([1, 5, 7])(
    'a run that goes on after %d updates comes to the same checkpoint, to the last bit',
    async (n) => {
      const before = tf.memory().numTensors
      await drain(kept(train(), { every: 1, keep: 9 }))
      const whole = await filesOf(at(8))
      await rm(at(8), { recursive: true })
      const updates: number[] = []
      for await (const step of kept(train(batches(n), at(n)), { every: 1, keep: 9 })) {
        updates.push(step.updates)
        expect(step.record?.step).toBe(step.updates - 1)
      }
      expect(updates).toEqual(Array.from({ length: 9 - n }, (_, i) => n + i))
      expect(await filesOf(at(8))).toEqual(whole)
      expect(tf.memory().numTensors).toBe(before)
    },
  )

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
      const outcome = drain(train(batches(7, change), at(8), options))
      await expect(outcome).rejects.toThrow(sentence)
      await expect(outcome).rejects.toBeInstanceOf(UserError)
      expect(tf.memory().numTensors).toBe(before)
    },
  )

  test('a checkpoint that is cut or lacks its state is refused in a sentence', async () => {
    await drain(kept(train()))
    await truncate(join(at(8), 'optimizer.safetensors'), 2000)
    await expect(drain(train(batches(7), at(8)))).rejects.toThrow('is not a whole safetensors file')
    await rm(join(at(8), 'training-state.json'))
    await expect(drain(train(batches(7), at(8)))).rejects.toThrow(
      'its `training-state.json` is missing or cut',
    )
    await truncate(join(at(8), 'model.safetensors'), 2000)
    await expect(readCheckpoint(run)).rejects.toThrow('is not a whole safetensors file')
  })
})

async function drain(messages: AsyncIterable<unknown>): Promise<void> {
  for await (const _ of messages);
}
