import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { Verification } from '../verification.ts'
import { averageFolder, listCheckpoints } from './checkpoint-folder.ts'
import { checkState } from './resume-point.ts'
import { checkListedFiles, fileListName, type StoredFiles } from './stored-files.ts'

/**
 * Reads every file of a run's checkpoints, and of the mean of its last models, and holds it against its checksum. Changes
 * nothing.
 */
export async function verifyRun(folder: string, verification: Verification): Promise<void> {
  const verify = async (check: () => Promise<StoredFiles>) => {
    const files = await verification.check(check)
    verification.files += Object.keys(files ?? {}).length
  }
  for (const checkpoint of await listCheckpoints(folder)) {
    await verify(async () => (await checkState(checkpoint)).files)
  }
  const average = averageFolder(folder)
  // A mean that an earlier version wrote has nothing to be held against.
  if (existsSync(join(average, fileListName))) await verify(() => checkListedFiles(average))
}
