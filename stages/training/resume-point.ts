import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { StepRecord } from '../../schemas/run-record.ts'
import type { TrainingState } from '../../schemas/training-state.ts'
import { UserError } from '../../schemas/user-error.ts'
import type { Log } from '../stage.ts'
import { type Averaging, isAveraged } from './averaged-checkpoints.ts'
import { listCheckpoints, updatesOf } from './checkpoint-folder.ts'
import { jsonLines } from './json-lines.ts'
import type { Batch } from './messages.ts'
import { checkFiles } from './stored-files.ts'
import { checkModelFiles, readTrainingState } from './training-state.ts'

/** Where a run goes on: a whole checkpoint, and what stands in it beside the model. */
export interface ResumePoint {
  readonly folder: string
  readonly state: TrainingState
}

/**
 * The newest checkpoint that a run can go on from: it is whole, the run's records reach up to it, and of those before it
 * none is damaged whose model the run's mean will be of, since training makes that one anew. Says of each newer one why
 * it is passed over.
 *
 * @param run folder that holds `checkpoints`
 * @param records folder that holds `steps.jsonl`
 * @param averaging of the run's `checkpoint` stage, where it has one
 */
export async function findResumePoint(
  run: string,
  records: string,
  averaging: Averaging | undefined,
  log: Log,
): Promise<ResumePoint | undefined> {
  const checkpoints = await listCheckpoints(run)
  let recorded = 0
  if (checkpoints.length > 0) {
    for await (const { record } of jsonLines<StepRecord>(join(records, 'steps.jsonl'))) {
      if (record.step !== recorded) break
      recorded++
    }
  }
  let point: ResumePoint | undefined
  for (const folder of checkpoints.reverse()) {
    const isNeeded = averaging && point && isAveraged(updatesOf(folder), point.state.steps, averaging)
    if (point && !isNeeded) continue
    try {
      if (point) {
        await checkModelFiles(folder)
        continue
      }
      const state = await checkState(folder)
      // The last record is in the checkpoint itself. Those before it can be lost with the machine's power.
      if (state.updates - 1 > recorded)
        throw new UserError(
          `\`${join(records, 'steps.jsonl')}\` has whole lines up to step ${recorded} only.`,
        )
      point = { folder, state }
    } catch (error) {
      if (!(error instanceof UserError)) throw error
      const reason = point
        ? ', and the mean of the last models needs it, so that the run goes on from before'
        : ''
      log(`The checkpoint after ${updatesOf(folder)} steps is passed over${reason}: ${error.message}`)
      point = undefined
    }
  }
  return point
}

/** The state in a checkpoint, all of whose files are read. @throws UserError where one is not as it was written. */
export async function checkState(folder: string): Promise<TrainingState> {
  const state = await readTrainingState(folder)
  if (state.updates !== updatesOf(folder))
    throw new UserError(`\`${folder}\` holds the state after ${state.updates} steps.`)
  await checkFiles(folder, state.files)
  return state
}

/**
 * Holds the batches of a run that goes on against those that its checkpoint was trained on.
 * @throws UserError where they are others.
 */
export async function checkBatches(
  folder: string,
  { stream }: TrainingState,
  { stream: given, corpus }: Batch,
): Promise<void> {
  const [own, tokenizer] = await Promise.all(
    [folder, corpus.shards].map((place) => readFile(join(place, 'tokenizer.json'))),
  )
  if (!own.equals(tokenizer)) {
    throw new UserError(
      `The shards in \`${corpus.shards}\` have another tokenizer than the checkpoint \`${folder}\`. Go on with the shards that the run began with, or begin a new run.`,
    )
  }
  if (stream !== given) {
    throw new UserError(
      `The checkpoint \`${folder}\` was trained on other batches than these: the documents in \`${corpus.shards}\`, their order, or \`rows\` and \`length\` of \`pack\` have changed. Put back what they were, or begin a new run.`,
    )
  }
}
