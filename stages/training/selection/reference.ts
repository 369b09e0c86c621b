import { basename, dirname, join } from 'node:path'
import { valuesOf } from '../../../schemas/safetensors.ts'
import { UserError } from '../../../schemas/user-error.ts'
import { fileHash } from '../../file-hash.ts'
import { tokenizerHash } from '../../shards/tokenizer-file.ts'
import type { Log } from '../../stage.ts'
import { dispose } from '../backend/tidy.ts'
import { readContinuedModel } from '../continued-model.ts'
import type { Forwarded } from '../messages.ts'
import { weightFiles } from '../model-weights.ts'
import { Model } from '../model/model.ts'
import { readNewestModel } from '../newest-model.ts'
import type { Score } from './criteria.ts'

/** A trained model that says how hard a token has to be. */
export interface Reference {
  /**
   * Loss less the reference model's: what there is left to learn of a token (Rho-1, arXiv 2404.07965).
   * @throws UserError where the reference is no checkpoint, or not one for these batches.
   */
  readonly excess: Score
  dispose(): void
}

/** @param folder a checkpoint, or a run whose newest one is meant; it is read when the first score is asked for */
export function openReference(folder: string, log: Log): Reference {
  let model: Model | undefined
  return {
    async excess(forwarded, losses) {
      const { batch } = forwarded
      model ??= await load(folder, forwarded, log)
      const tensor = model.losses(batch.tokens, batch.rows)
      let scores: Float32Array
      try {
        scores = Float32Array.from(await tensor.data())
      } finally {
        dispose(tensor)
      }
      for (let i = 0; i < scores.length; i++) {
        scores[i] = losses[i] - scores[i]
        if (Number.isFinite(scores[i])) continue
        throw new UserError(
          `The reference model \`${folder}\` has no finite loss in row ${Math.floor(i / batch.length)} of batch ${batch.step}. Give \`reference\` another checkpoint.`,
        )
      }
      return scores
    },
    dispose: () => model?.dispose(),
  }
}

/**
 * SHA-256 of the files that a reference model is made of, by name.
 * @param folder as `openReference` takes it: the files are those of the checkpoint that it would read
 * @throws UserError where there is none.
 */
export async function referenceHashes(folder: string): Promise<Record<string, string>> {
  try {
    // Whoever reads the model for its scores says of newer checkpoints why they are passed over.
    const { tokenizer } = await readNewestModel(folder, () => undefined)
    const checkpoint = dirname(tokenizer)
    const paths = [join(checkpoint, 'config.json'), ...(await weightFiles(checkpoint))]
    const hashes = paths.map(async (path) => [basename(path), await fileHash(path)] as const)
    return {
      ...Object.fromEntries(await Promise.all(hashes)),
      [basename(tokenizer)]: await tokenizerHash(tokenizer),
    }
  } catch (error) {
    if (!(error instanceof UserError)) throw error
    throw new UserError(`The \`reference\` of \`ohem\` is no model to compare with: ${error.message}`)
  }
}

async function load(folder: string, { batch, model }: Forwarded, log: Log): Promise<Model> {
  const { config, tensors } = await readContinuedModel(folder, batch, log)
  return new Model(config, valuesOf(tensors), model.backend)
}
