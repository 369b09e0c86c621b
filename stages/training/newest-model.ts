import { UserError } from '../../schemas/user-error.ts'
import type { Log } from '../stage.ts'
import { type Checkpoint, listCheckpoints, readCheckpoint, updatesOf } from './checkpoint-folder.ts'
import { checkModelFiles } from './training-state.ts'

/**
 * The model in a checkpoint's folder, or that of a run's newest checkpoint that is whole. Says of each newer one why it
 * is passed over.
 * @throws UserError where there is none.
 */
export async function readNewestModel(path: string, log: Log): Promise<Checkpoint> {
  const checkpoints = await listCheckpoints(path)
  if (checkpoints.length === 0) return readWhole(path)
  for (const folder of checkpoints.reverse()) {
    try {
      return await readWhole(folder)
    } catch (error) {
      if (!(error instanceof UserError)) throw error
      log(`The checkpoint after ${updatesOf(folder)} steps is passed over: ${error.message}`)
    }
  }
  throw new UserError(`No checkpoint in \`${path}\` is whole. Train again, or take another run.`)
}

async function readWhole(folder: string): Promise<Checkpoint> {
  await checkModelFiles(folder)
  return readCheckpoint(folder)
}
