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
import { batches, context, length, rows, train } from './small-run.ts'

await onEveryBackend((backend) => {
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
