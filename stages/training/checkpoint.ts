import { join } from 'node:path'
import { rm } from 'node:fs/promises'
import { z } from 'zod'
import { defineStage } from '../stage.ts'
import { checkpointFolder, listCheckpoints, writeCheckpoint } from './checkpoint-folder.ts'
import type { Step } from './messages.ts'

export const checkpoint = defineStage({
  name: 'checkpoint',
  summary: 'Keep the model as safetensors, config.json and tokenizer.json, while it trains and at the end.',
  version: 1,
  accepts: ['steps'],
  emits: 'steps',
  options: z.strictObject({
    to: z.string().meta({ description: 'Folder of the run; checkpoints lie in its `checkpoints` folder.' }),
    every: z
      .int()
      .min(0)
      .default(0)
      .meta({ description: 'Steps between checkpoints; 0 writes one at the end only.' }),
    keep: z.int().min(1).default(2).meta({ description: 'Newest checkpoints that stay.' }),
  }),
  async *run(items, { options: { to, every, keep }, stats }) {
    for await (const step of items) {
      const { updates, batch } = step
      const isDue = updates === batch.steps || (every > 0 && updates > 0 && updates % every === 0)
      if (isDue) {
        await write(checkpointFolder(to, updates), step)
        for (const old of (await listCheckpoints(to)).slice(0, -keep)) await rm(old, { recursive: true })
        stats.add('checkpoints', 1)
      }
      yield step
    }
  },
})

async function write(folder: string, { model, batch: { corpus } }: Step): Promise<void> {
  await writeCheckpoint(folder, {
    config: model.config,
    tensors: await model.parameters.export(),
    endOfText: corpus.endOfText,
    tokenizer: join(corpus.shards, 'tokenizer.json'),
  })
}
