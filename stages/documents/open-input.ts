import { open, type FileHandle } from 'node:fs/promises'
import { UserError } from '../../schemas/user-error.ts'
import type { InputFile } from './unit.ts'

/** @throws UserError where the file is missing or may not be read. */
export async function openInput({ path, source }: InputFile): Promise<FileHandle> {
  try {
    return await open(path)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT') throw new UserError(`\`${source}\` does not exist: check the path.`)
    if (code === 'EACCES') throw new UserError(`\`${source}\` may not be read: check its permissions.`)
    throw error
  }
}

/** Bytes of a file and a name for its state, which is another one once the file has changed. */
export async function stateOf(handle: FileHandle): Promise<{ size: number; state: string }> {
  const { dev, ino, size, mtimeMs } = await handle.stat()
  return { size, state: [dev, ino, size, mtimeMs].join() }
}

/** @throws UserError as `openInput` does. */
export async function sizeOnDisk(file: InputFile): Promise<number> {
  const handle = await openInput(file)
  try {
    return (await stateOf(handle)).size
  } finally {
    await handle.close()
  }
}
