import { rmSync } from 'node:fs'
import { mkdtemp, open, rm, type FileHandle } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { UserError } from '../../schemas/user-error.ts'
import type { InputFile } from './unit.ts'

/** What stands for standard input in a list of paths. */
export const standardInputPath = '-'

let spool: Promise<InputFile> | undefined
/** Kept open, since that is all that is left of the spool once its name is gone. */
let spoolHandle: FileHandle | undefined

/**
 * Standard input as a file that can be read at any place and more than once. What comes in is kept in a temporary
 * file, under the system's folder for such, on the first call; later calls in the process give the same file.
 *
 * Where the system lets an open file be removed, its name goes before the first byte is written: no end of the
 * process, not even a kill, can leave it behind.
 *
 * @throws UserError where there is no room for it; the signal's reason when aborted.
 */
export function standardInput(signal: AbortSignal): Promise<InputFile> {
  spool ??= keep(signal)
  return spool
}

async function keep(signal: AbortSignal): Promise<InputFile> {
  const folder = await mkdtemp(join(tmpdir(), 'gradus-'))
  const path = join(folder, 'stdin')
  const handle = await open(path, 'wx+', 0o600)
  const removable = process.platform !== 'win32'
  if (removable) await rm(folder, { recursive: true })
  else process.once('exit', () => rmSync(folder, { recursive: true, force: true }))
  try {
    await pipeline(process.stdin, handle.createWriteStream({ autoClose: false }), { signal })
  } catch (error) {
    await handle.close()
    if ((error as NodeJS.ErrnoException).code === 'ENOSPC') {
      throw new UserError(
        `\`${tmpdir()}\` has no room to keep standard input: name a larger folder in TMPDIR, or read a file.`,
      )
    }
    throw signal.aborted ? signal.reason : error
  }
  spoolHandle = handle
  // The threads of a process share its open files.
  return { path: removable ? `/dev/fd/${spoolHandle.fd}` : path, source: 'stdin' }
}
