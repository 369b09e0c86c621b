import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { dynamicsColumns, dynamicsFile } from '../../schemas/dynamics.ts'
import { UserError } from '../../schemas/user-error.ts'
import type { EpochDynamics } from '../../scoring/training-dynamics.ts'
import { readArrowFile } from '../shards/arrow-file-reader.ts'

/** What a run saw of each document, by the hash of its text. @throws UserError where the run did not write it down. */
export async function readDynamics(run: string): Promise<Map<bigint, EpochDynamics>> {
  const path = join(run, dynamicsFile)
  if (!existsSync(path)) {
    throw new UserError(
      `The run \`${run}\` has no \`${dynamicsFile}\`: train one to its end with a \`record-dynamics\` stage behind \`forward\`.`,
    )
  }
  const documents = new Map<bigint, { probability: number[]; correct: number[] }>()
  try {
    for await (const batch of readArrowFile(path)) {
      const { hash, probability, correct } = dynamicsColumns(batch)
      for (let row = 0; row < batch.numRows; row++) {
        let epochs = documents.get(hash[row])
        if (!epochs) documents.set(hash[row], (epochs = { probability: [], correct: [] }))
        epochs.probability.push(probability[row])
        epochs.correct.push(correct[row])
      }
    }
  } catch (error) {
    if (!(error instanceof UserError)) throw error
    throw new UserError(`\`${path}\` is damaged: train that run anew, or take another one.`)
  }
  return documents
}
