import { z } from 'zod'
import { defineStage } from '../stage.ts'
import { openShards } from './open-shards.ts'

export const readShards = defineStage({
  name: 'read-shards',
  summary: 'Read the scores of a folder of shards, without text and tokens.',
  version: 1,
  accepts: [],
  emits: 'scores',
  options: z.strictObject({
    shards: z.string().describe('Folder that write-shards wrote'),
  }),
  async *rehearse(_, { options, log }) {
    const shards = await openShards(options.shards)
    const [units, documents] = [shards.parts.length, shards.rows].map((count) => count.toLocaleString('en'))
    log(
      `\`${options.shards}\` is finished and is reused: ${units} unit${units === '1' ? '' : 's'}, ${documents} documents.`,
    )
    yield* shards.scores()
  },
  async *run(_, { options, signal, stats }) {
    const shards = await openShards(options.shards)
    stats.expect('documents', shards.rows)
    for await (const batch of shards.scores()) {
      signal.throwIfAborted()
      stats.add('documents', batch.numRows)
      yield batch
    }
  },
})
