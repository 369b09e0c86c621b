import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { dynamicsColumns, dynamicsFile } from '../../schemas/dynamics.ts'
import { UserError } from '../../schemas/user-error.ts'
import type { EpochDynamics } from '../../scoring/training-dynamics.ts'
import { readArrowFile } from '../shards/arrow-file-reader.ts'

/** What a run saw of a document, and the mean loss of its tokens in nats: a number an epoch. */
export interface DocumentDynamics extends EpochDynamics {
  readonly loss: readonly number[]
  /** Empty where the run did not record it, as `gradient` is: mean of the largest probability of the predictions. */
  readonly largest: readonly number[]
  /** Mean norm of the gradient by the inputs, NaN in an epoch where backward came to none of them. */
  readonly gradient: readonly number[]
}

/** One time that a run read a document. */
export interface Reading {
  /** Of the document's text. */
  readonly hash: bigint
  /** Targets of the document, its separator among them. */
  readonly tokens: number
  /** Mean over these, in nats. */
  readonly loss: number
  readonly probability: number
  /** Share of these with a probability above one half. */
  readonly correct: number
  /** Mean of the largest probability of the predictions, where it was recorded. */
  readonly largest?: number | undefined
  /** Mean norm of the gradient by the inputs, where it was recorded; NaN where backward came to none of them. */
  readonly gradient?: number | undefined
}

/** What a run saw of each document, by the hash of its text. @throws UserError where the run did not write it down. */
export async function readDynamics(run: string): Promise<Map<bigint, DocumentDynamics>> {
  const documents = new Map<bigint, Record<keyof DocumentDynamics, number[]>>()
  for await (const { hash, loss, probability, correct, largest, gradient } of readReadings(run)) {
    let epochs = documents.get(hash)
    if (!epochs)
      documents.set(hash, (epochs = { probability: [], correct: [], loss: [], largest: [], gradient: [] }))
    epochs.probability.push(probability)
    epochs.correct.push(correct)
    epochs.loss.push(loss)
    if (largest !== undefined) epochs.largest.push(largest)
    if (gradient !== undefined) epochs.gradient.push(gradient)
  }
  return documents
}

/** A run's readings in their order. @throws UserError where the run did not write them down. */
export async function* readReadings(run: string): AsyncGenerator<Reading, void, undefined> {
  const path = join(run, dynamicsFile)
  if (!existsSync(path)) {
    throw new UserError(
      `The run \`${run}\` has no \`${dynamicsFile}\`: train one to its end with a \`record-dynamics\` stage behind \`forward\`.`,
    )
  }
  try {
    for await (const batch of readArrowFile(path)) {
      const { hash, tokens, loss, probability, correct, largest, gradient } = dynamicsColumns(batch)
      for (let row = 0; row < batch.numRows; row++) {
        yield {
          hash: hash[row],
          tokens: tokens[row],
          loss: loss[row],
          probability: probability[row],
          correct: correct[row],
          largest: largest?.[row],
          gradient: gradient?.[row],
        }
      }
    }
  } catch (error) {
    if (!(error instanceof UserError)) throw error
    throw new UserError(`\`${path}\` is damaged: train that run anew, or take another one.`)
  }
}
