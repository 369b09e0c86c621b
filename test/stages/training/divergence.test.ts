import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as tf from '@tensorflow/tfjs-core'
import { UserError } from '../../../schemas/user-error.ts'
import { readCheckpoint } from '../../../stages/training/checkpoint-folder.ts'
import { checkpoint } from '../../../stages/training/checkpoint.ts'
import type { Step } from '../../../stages/training/messages.ts'
import { ohem } from '../../../stages/training/ohem.ts'
import { onEveryBackend } from './backends.ts'
import { batches, context, drain, length, rows, train } from './small-run.ts'

/** What an update can leave that is no number any more; of the optimizer, where the model has not heard of it yet. */
const ruin = {
  model(step: Step): Step {
    step.model.parameters.set('model.norm.weight', tf.tensor1d([...Array<number>(15).fill(1), NaN]))
    return step
  },
  optimizer(step: Step): Step {
    const { rule } = step.optimizer
    const exported = async () => {
      const state = await step.optimizer.export()
      state.get('model.norm.weight')!.exp_avg_sq[15] = Infinity
      return state
    }
    return { ...step, optimizer: { rule, export: exported } }
  },
}

async function* ruined(
  updates: AsyncIterable<Step>,
  part: keyof typeof ruin,
  after: number,
): AsyncGenerator<Step> {
  for await (const step of updates) yield step.updates === after ? ruin[part](step) : step
}

await onEveryBackend((backend) => {
  test.each([
    ['model', 3, '`model.norm.weight` holds NaN'],
    ['model', 8, '`model.norm.weight` holds NaN'],
    ['optimizer', 8, '`model.norm.weight.exp_avg_sq` holds Infinity'],
  ] as const)(
    'no checkpoint is written of a run whose %s diverged in update %d, and the good one before it stays',
    async (part, after, sign) => {
      const shards = await mkdtemp(join(tmpdir(), 'gradus-divergence-'))
      try {
        await writeFile(join(shards, 'tokenizer.json'), '{}')
        const before = tf.memory().numTensors
        const updates = train(batches(shards), { model: { backend: backend().name } })
        const run = checkpoint.run(
          ruined(updates, part, after),
          context(checkpoint, { to: shards, every: 1, keep: 1 }),
        )
        const problem = await drain(run).catch((error: unknown) => error)
        expect(problem).toBeInstanceOf(UserError)
        expect((problem as Error).message).toBe(
          `${sign} after ${after} steps: training diverged. Checkpoints written so far stay. ` +
            'Lower `peak` of `optimize`, or raise its `warm-up`, and begin a new run.',
        )
        expect(tf.memory().numTensors).toBe(before)
        expect(await readdir(join(shards, 'checkpoints'))).toEqual([`step-00000${after - 1}`])
        const { tensors } = await readCheckpoint(shards)
        for (const { values } of tensors.values()) expect(values.every(Number.isFinite)).toBe(true)
      } finally {
        await rm(shards, { recursive: true })
      }
    },
  )

  test('a run that diverges names the batch and its documents, and keeps its last checkpoint', async () => {
    const shards = await mkdtemp(join(tmpdir(), 'gradus-divergence-'))
    try {
      await writeFile(join(shards, 'tokenizer.json'), '{}')
      const before = tf.memory().numTensors
      // Each row has the end of one document and the whole of another.
      const documents = Int32Array.from(
        { length: rows * (length + 1) },
        (_, i) => 40 + Math.floor((i + 3) / 7),
      )
      const places = {
        parts: new Uint32Array(60).fill(2),
        rows: Uint32Array.from({ length: 60 }, (_, i) => 7 + i),
      }
      const updates = train(batches(shards, { change: { documents, places } }), {
        model: { backend: backend().name },
        select: (items) => ohem.run(items, context(ohem, { keep: 0.5 })),
      })
      const run = checkpoint.run(updates, context(checkpoint, { to: shards, every: 1 }))
      let step: Step
      do step = ((await run.next()) as { value: Step }).value
      while (step.updates < 3)
      step.model.parameters.set('model.norm.weight', tf.fill([16], Infinity))
      const problem = await run.next().catch((error: unknown) => error)
      expect(problem).toBeInstanceOf(UserError)
      expect((problem as Error).message).toMatch(
        /^The loss is (NaN|-?Infinity) in row 0 of batch 3: training diverged\. The row holds documents 40 \(part 2, row 47\) to 41 \(part 2, row 48\) of the order of `.*`, counted from 0\./,
      )
      expect(tf.memory().numTensors).toBe(before)
      expect((await readdir(join(shards, 'checkpoints'))).at(-1)).toBe('step-000003')
      const { tensors } = await readCheckpoint(shards)
      for (const { values } of tensors.values()) expect(values.every(Number.isFinite)).toBe(true)
    } finally {
      await rm(shards, { recursive: true })
    }
  })
})
