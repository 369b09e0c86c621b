import { dirname } from 'node:path'
import type { Evaluation } from '../../schemas/run-record.ts'
import { valuesOf } from '../../schemas/safetensors.ts'
import { UserError } from '../../schemas/user-error.ts'
import { openShards } from '../shards/open-shards.ts'
import type { Log } from '../stage.ts'
import type { Backend } from './backend/backend.ts'
import type { Checkpoint } from './checkpoint-folder.ts'
import { measure, openHeldOut } from './held-out.ts'
import { Model } from './model/model.ts'
import { checkVocabulary } from './model-vocabulary.ts'
import { checkTokenizer } from './same-tokenizer.ts'

/** Tokens that go through the model at once, in rows of the length asked for. */
const tokensAtOnce = 2048

export interface EvaluationSize {
  /** Held-out tokens to measure at most. */
  readonly tokens: number
  /** Tokens a row: the most that a token is predicted from. */
  readonly length: number
  /** Tokens from one row to the next; `length` where absent. */
  readonly stride?: number | undefined
}

/**
 * Measures a model on the held-out documents of shards, as the stage `evaluate` does in a run.
 * @throws UserError where it has another tokenizer, or fewer tokens than that; where rows do not fit its context, the
 * stride is above their length, or its loss is not finite.
 */
export async function evaluateModel(
  { config, tensors, tokenizer }: Checkpoint,
  shards: string,
  { tokens, length, stride }: EvaluationSize,
  backend: Backend,
  log: Log,
): Promise<Omit<Evaluation, 'step'> & { readonly parameters: number }> {
  const folder = dirname(tokenizer)
  if (length > config.context) {
    throw new UserError(
      `The model \`${folder}\` reads ${config.context} tokens at most, and --length is ${length}. Lower it.`,
    )
  }
  // Says what is wrong with the shards before their tokenizer is missed.
  const { vocabulary } = await openShards(shards)
  await checkTokenizer(folder, tokenizer, shards)
  checkVocabulary(folder, config, vocabulary)
  const { signal } = new AbortController()
  const rows = Math.max(1, Math.floor(tokensAtOnce / length))
  const heldOut = await openHeldOut({ shards, rows, length, stride }, tokens, signal, log)
  const values = valuesOf(tensors)
  const model = new Model(config, values, backend)
  try {
    const { step: _, ...evaluation } = await measure(model, heldOut, 0, signal)
    if (!Number.isFinite(evaluation.nats)) {
      throw new UserError(
        `The model \`${folder}\` has no finite loss on held-out text: it is ${evaluation.nats}. Take another checkpoint.`,
      )
    }
    return { ...evaluation, parameters: model.parameters.count }
  } finally {
    model.dispose()
  }
}
