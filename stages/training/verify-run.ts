import type { Verification } from '../verification.ts'
import { listCheckpoints } from './checkpoint-folder.ts'
import { checkState } from './resume-point.ts'

/** Reads every file of a run's checkpoints, and holds it against its checksum. Changes nothing. */
export async function verifyRun(folder: string, verification: Verification): Promise<void> {
  for (const checkpoint of await listCheckpoints(folder)) {
    const state = await verification.check(() => checkState(checkpoint))
    verification.files += Object.keys(state?.files ?? {}).length
  }
}
