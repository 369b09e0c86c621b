import { existsSync } from 'node:fs'
import { UserError } from '../../schemas/user-error.ts'
import type { Log } from '../stage.ts'
import {
  averageFolder,
  type Checkpoint,
  checkpointFolder,
  listCheckpoints,
  readCheckpoint,
  updatesOf,
} from './checkpoint-folder.ts'
import { readNewestModel } from './newest-model.ts'
import { checkModelFiles, readTrainingState } from './training-state.ts'

/**
 * A model of a run.
 * @param path folder of the run, or of any model where `name` is left out
 * @param name `best` by held-out bits per byte, `average`, or updates made before it; the newest one where it is left out
 * @throws UserError where there is none of that name, or it is not whole.
 */
export async function readNamedCheckpoint(
  path: string,
  name: string | undefined,
  log: Log,
): Promise<Checkpoint> {
  if (name === undefined) return readNewestModel(path, log)
  const folder = await folderOf(path, name)
  await checkModelFiles(folder)
  return readCheckpoint(folder)
}

async function folderOf(run: string, name: string): Promise<string> {
  if (name === 'best') return bestOf(run)
  if (name === 'average') {
    const folder = averageFolder(run)
    if (existsSync(folder)) return folder
    throw new UserError(
      `\`${run}\` has no average of its checkpoints. Train with \`average\` of \`checkpoint\`, or take another.`,
    )
  }
  const folder = checkpointFolder(run, Number(name))
  if (/^\d+$/.test(name) && existsSync(folder)) return folder
  const there = (await listCheckpoints(run)).map(updatesOf)
  throw new UserError(
    `\`${run}\` has no checkpoint \`${name}\`. ${there.length > 0 ? `Give best, average, or one of ${there.join(', ')}.` : 'Give the folder that `train --out` wrote.'}`,
  )
}

async function bestOf(run: string): Promise<string> {
  let best: string | undefined
  let fewest = Infinity
  for (const folder of await listCheckpoints(run)) {
    // One that is not whole is not the best.
    const state = await readTrainingState(folder).catch(() => undefined)
    const bitsPerByte = state?.evaluation?.bitsPerByte
    if (bitsPerByte === undefined || bitsPerByte >= fewest) continue
    fewest = bitsPerByte
    best = folder
  }
  if (best !== undefined) return best
  throw new UserError(
    `No checkpoint of \`${run}\` was measured when it was written. Train with \`best: true\` of \`checkpoint\`, or give the number of one.`,
  )
}
