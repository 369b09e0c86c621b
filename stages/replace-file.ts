import { type FileHandle, mkdir, open, rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'

/**
 * Writes a whole file under a temporary name and puts it in place when it is on disk: after a crash there is the old
 * one or the new one, and never a part of it.
 *
 * @param partial the temporary name; processes that may write the same file at once each need one of their own
 */
export async function replaceFile(
  path: string,
  write: (file: FileHandle) => Promise<void>,
  partial = `${path}.partial`,
): Promise<void> {
  await mkdir(dirname(path), { recursive: true })
  try {
    const file = await open(partial, 'w')
    try {
      await write(file)
      await file.sync()
    } finally {
      await file.close()
    }
    await rename(partial, path)
  } catch (error) {
    await rm(partial, { force: true })
    throw error
  }
  await syncToDisk(dirname(path))
}

/** Waits until a file's bytes, or the names in a folder, are on the disk. */
export async function syncToDisk(path: string): Promise<void> {
  const handle = await open(path)
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}
