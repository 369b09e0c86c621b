import type { Evaluation } from '../../schemas/run-record.ts'
import { UserError } from '../../schemas/user-error.ts'
import {
  chooseHeldOut,
  heldOutBatch,
  type HeldOutShape,
  type HeldOutStretch,
  heldOutStretches,
} from '../curriculum/held-out-stream.ts'
import { openShardTokens } from '../curriculum/shard-tokens.ts'
import { openShards } from '../shards/open-shards.ts'
import type { Log } from '../stage.ts'
import { dispose } from './backend/tidy.ts'
import type { Model } from './model/model.ts'
import { unigramNats } from './unigram.ts'

/** Held-out text, and what a unigram model makes of it. */
export interface HeldOut {
  readonly stretches: readonly HeldOutStretch[]
  readonly shape: HeldOutShape
  readonly targets: number
  /** UTF-8 bytes of the documents. */
  readonly bytes: number
  readonly unigramBitsPerByte: number
}

/** Where held-out text is, and how it is cut. */
export interface HeldOutSource {
  /** Folder of the shards. */
  readonly shards: string
  /** Rows that go through the model at once. */
  readonly rows: number
  /** Tokens a row. */
  readonly length: number
  /** Tokens from one row to the next; `length` where absent. */
  readonly stride?: number | undefined
}

/**
 * Reads the held-out documents once a run: at most `tokens` of them are held in memory.
 * @throws UserError where the stride is above the length.
 */
export async function openHeldOut(
  { shards: folder, rows, length, stride = length }: HeldOutSource,
  tokens: number,
  signal: AbortSignal,
  log: Log,
): Promise<HeldOut> {
  if (stride > length) {
    throw new UserError(
      `A stride of ${stride} leaves tokens out of an evaluation in rows of ${length}. Lower it to ${length} or below.`,
    )
  }
  const shards = await openShards(folder)
  const source = await openShardTokens(shards, signal, log)
  try {
    const documents = await chooseHeldOut(shards, tokens)
    const shape = { rows, length, stride }
    const stretches = await source.mending(() => [...heldOutStretches(documents, source, shape)])
    const bytes = stretches.reduce((sum, stretch) => sum + stretch.bytes, 0)
    const targets = stretches.reduce((sum, stretch) => sum + stretch.targets, 0)
    const nats = await unigramNats(shards)
    let unigram = 0
    for (const { stream, isTarget } of stretches) {
      isTarget.forEach((counts, i) => (unigram += counts * nats[stream[i + 1]]))
    }
    return { stretches, shape, targets, bytes, unigramBitsPerByte: unigram / Math.LN2 / bytes }
  } finally {
    source.store.close()
  }
}

/** Measures a model on held-out text, after `step` updates. The nats of one that diverged are not finite. */
export async function measure(
  model: Model,
  { stretches, shape, targets, bytes, unigramBitsPerByte }: HeldOut,
  step: number,
  signal: AbortSignal,
): Promise<Evaluation> {
  let total = 0
  for (const stretch of stretches) {
    signal.throwIfAborted()
    const { tokens, mask } = heldOutBatch(stretch, shape)
    const tensor = model.losses(tokens, shape.rows)
    const losses = (await tensor.data()) as Float32Array
    dispose(tensor)
    mask.forEach((counts, i) => (total += counts * losses[i]))
  }
  const nats = total / targets
  return {
    step,
    nats,
    perplexity: Math.exp(nats),
    bitsPerByte: total / Math.LN2 / bytes,
    unigramBitsPerByte,
    tokens: targets,
    bytes,
  }
}
