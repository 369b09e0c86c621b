import { readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { UserError } from '../../schemas/user-error.ts'
import { defineStage } from '../stage.ts'
import { checkpointFolder, listCheckpoints, updatesOf, writeFolder, writeModel } from './checkpoint-folder.ts'
import type { Step } from './messages.ts'
import { readTrainingState, writeTrainingState } from './training-state.ts'

export const checkpoint = defineStage({
  name: 'checkpoint',
  summary: 'Keep the model, and what training needs to go on from it, while it trains and at the end.',
  version: 1,
  accepts: ['steps'],
  emits: 'steps',
  options: z.strictObject({
    to: z.string().meta({ description: 'Folder of the run; checkpoints lie in its `checkpoints` folder.' }),
    every: z
      .int()
      .min(0)
      .default(100)
      .meta({ description: 'Steps between checkpoints; 0 writes one at the end only.' }),
    keep: z.int().min(1).default(2).meta({ description: 'Newest checkpoints that stay.' }),
    best: z.boolean().default(false).meta({
      description:
        'Whether the model with the fewest held-out bits per byte stays too; an `evaluate` before this stage measures them.',
    }),
  }),
  async *run(items, { options, signal, stats, log, interruption }) {
    const { to, every, keep } = options
    let graph: string | undefined
    let best: Best | undefined
    let isFirst = true
    for await (const step of items) {
      const { updates, batch, evaluation } = step
      if (isFirst) {
        if (options.best) best = await firstBest(to, step)
        graph = await readFile(join(to, 'graph.yaml'), 'utf8').catch(() => undefined)
        interruption?.defer()
      }
      const isWished = interruption?.wished ?? false
      const isBest =
        best !== undefined && evaluation !== undefined && evaluation.bitsPerByte < best.bitsPerByte
      const isDue = isWished || isBest || updates === batch.steps || (every > 0 && updates % every === 0)
      // The first message has made no update; where it is not the run's own beginning, it comes from a checkpoint.
      if (isDue && !isFirst) {
        await write(checkpointFolder(to, updates), step, graph, signal)
        if (isBest) best = { updates, bitsPerByte: evaluation.bitsPerByte }
        await prune(to, updates, keep, best)
        stats.add('checkpoints', 1)
        if (best && updates === batch.steps) log(praise(to, best))
      }
      isFirst = false
      yield step
      if (isWished && updates < batch.steps) interruption?.fulfil()
    }
  },
})

/** The best model of a run so far. */
interface Best {
  readonly updates: number
  /** Of held-out text; infinite before the first checkpoint. */
  readonly bitsPerByte: number
}

/** @throws UserError where a run begins without an evaluation. */
async function firstBest(to: string, { updates, evaluation }: Step): Promise<Best> {
  let best: Best = { updates: 0, bitsPerByte: Infinity }
  if (updates === 0) {
    if (evaluation) return best
    throw new UserError(
      '`best` of `checkpoint` needs to know what models are worth. Put an `evaluate` stage before it, or leave `best` out.',
    )
  }
  for (const folder of await listCheckpoints(to)) {
    // One that is not whole was passed over when the run went on.
    const state = await readTrainingState(folder).catch(() => undefined)
    const bitsPerByte = state?.evaluation?.bitsPerByte
    if (updatesOf(folder) > updates || bitsPerByte === undefined || bitsPerByte >= best.bitsPerByte) continue
    best = { updates: updatesOf(folder), bitsPerByte }
  }
  return best
}

function praise(to: string, { updates, bitsPerByte }: Best): string {
  return `The best model is \`${checkpointFolder(to, updates)}\`, with ${bitsPerByte.toFixed(3)} bits per byte on held-out text.`
}

async function write(
  folder: string,
  step: Step,
  graph: string | undefined,
  signal: AbortSignal,
): Promise<void> {
  const { model, optimizer, batch } = step
  const { shards, endOfText } = batch.corpus
  await writeFolder(folder, async (partial) => {
    const tensors = await model.parameters.export()
    // A run that is aborted disposes of its tensors, perhaps of some while the others were being read.
    signal.throwIfAborted()
    const tokenizer = join(shards, 'tokenizer.json')
    await writeModel(partial, { config: model.config, tensors, endOfText, tokenizer })
    if (graph !== undefined) await writeFile(join(partial, 'graph.yaml'), graph)
    const moments = await optimizer.export()
    signal.throwIfAborted()
    await writeTrainingState(partial, step, moments)
  })
}

/**
 * Removes all checkpoints but the newest `keep` and the best, and those that lie ahead, which the run passed over when
 * it went on.
 */
async function prune(to: string, updates: number, keep: number, best: Best | undefined): Promise<void> {
  const checkpoints = await listCheckpoints(to)
  const ahead = checkpoints.filter((folder) => updatesOf(folder) > updates)
  const old = checkpoints.slice(0, checkpoints.length - ahead.length).slice(0, -keep)
  for (const folder of [...old, ...ahead]) {
    if (updatesOf(folder) !== best?.updates) await rm(folder, { recursive: true })
  }
}
