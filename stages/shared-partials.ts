import { readdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { isRunning, ownMark } from './process-mark.ts'

/** Such a file is written to all the time: where it was not for so long, its process is gone, on whichever machine. */
const silenceMilliseconds = 24 * 60 * 60 * 1000

const partialPattern = /\.([\da-f]{12})-(\d+)-([\da-f]{12})?(\.partial)?$/

/**
 * Temporary name of a file that several processes may make at the same time, with no lock: it says whose it is, so that
 * what a killed process left behind can be told from what is being written.
 */
export function sharedPartial(path: string): string {
  const { place, pid, began } = ownMark()
  return `${path}.${place}-${pid}-${began}`
}

/** Removes from a folder the temporary files and folders of processes that are gone. */
export async function removeAbandoned(folder: string): Promise<void> {
  for (const name of await readdir(folder).catch(() => [])) {
    const path = join(folder, name)
    // In a folder that can only be read they stay, and are in nobody's way.
    if (await isAbandoned(path)) await rm(path, { force: true, recursive: true }).catch(() => {})
  }
}

async function isAbandoned(path: string): Promise<boolean> {
  const match = partialPattern.exec(path)
  if (!match) return false
  const [, place, pid, began = ''] = match
  const isSeen = isRunning({ place, pid: Number(pid), began })
  if (isSeen !== undefined) return !isSeen
  const { mtimeMs } = await stat(path).catch(() => ({ mtimeMs: Infinity }))
  return Date.now() - mtimeMs > silenceMilliseconds
}
