import { join } from 'node:path'
import { valuesOf } from '../../../schemas/safetensors.ts'
import { UserError } from '../../../schemas/user-error.ts'
import { fileHash } from '../../file-hash.ts'
import type { Log } from '../../stage.ts'
import { dispose } from '../backend/tidy.ts'
import { listCheckpoints } from '../checkpoint-folder.ts'
import { readContinuedModel } from '../continued-model.ts'
import type { Forwarded } from '../messages.ts'
import { Model } from '../model/model.ts'
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

/** SHA-256 of the files that a reference model is made of, by name. @throws UserError where one is missing. */
export async function referenceHashes(folder: string): Promise<Record<string, string>> {
  const checkpoint = (await listCheckpoints(folder)).at(-1) ?? folder
  const names = ['config.json', 'model.safetensors', 'tokenizer.json']
  const hashes = names.map(async (name) => [name, await fileHash(join(checkpoint, name))] as const)
  try {
    return Object.fromEntries(await Promise.all(hashes))
  } catch {
    throw new UserError(
      `The reference \`${folder}\` is no checkpoint: it lacks one of ${names.join(', ')}. Give the folder that \`train --out\` wrote, or one of its checkpoints.`,
    )
  }
}

async function load(folder: string, { batch, model }: Forwarded, log: Log): Promise<Model> {
  const { config, tensors } = await readContinuedModel(folder, batch, log)
  return new Model(config, valuesOf(tensors), model.backend)
}
