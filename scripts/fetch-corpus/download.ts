import { mkdir, stat, statfs } from 'node:fs/promises'
import { dirname } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { UserError } from '../../schemas/user-error.ts'
import { hashFile, startHash, type Watch } from './checksum.ts'
import type { FileTail, HubFile } from './hub.ts'
import { Unavailable } from './hub-refusals.ts'
import { partialBytes, PartialFile } from './partial-file.ts'
import { formatBytes } from './progress.ts'

/** Before each new try after one that brought nothing; the last failure is final. */
const pausesMs = [200, 1000, 3000]

/** A file of the dataset and its place on this machine. */
export interface Wanted {
  readonly file: HubFile
  readonly path: string
}

/**
 * Whether the file is there, with its checksum.
 *
 * @throws UserError where something else is there.
 */
export async function isThere({ file, path }: Wanted, watch: Watch): Promise<boolean> {
  const found = await stat(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined
    throw error
  })
  if (!found) return false
  if (found.isFile() && found.size === file.bytes) {
    const hash = startHash(file.checksum, file.bytes)
    await hashFile(hash, path, file.bytes, watch)
    if (hash.digest('hex') === file.checksum.hex) return true
  }
  throw new UserError(
    `${path} is there but is not the file of this revision, by its size or checksum: move it away, or give --out another folder.`,
  )
}

/** @throws UserError where the disk of `folder` has no room for what is still to come. */
export async function checkRoom(folder: string, wanted: readonly Wanted[]): Promise<void> {
  let needed = 0
  for (const { file, path } of wanted) needed += file.bytes - (await partialBytes(file, path))
  const { bavail, bsize } = await statfs(folder)
  const free = bavail * bsize
  if (needed > free) {
    throw new UserError(
      `${formatBytes(needed)} are to be downloaded, but the disk of ${folder} has ${formatBytes(free)} free: make room, or give --out a folder on another disk.`,
    )
  }
}

/**
 * Brings a file, goes on where an earlier try stopped, and puts it in place once it is on disk and its checksum right.
 *
 * @param read asks for the bytes of the file from a position
 * @throws UserError where the checksum is wrong, which leaves nothing behind, or where the bytes do not come, which
 * leaves those that did for the next try.
 */
export async function download(
  { file, path }: Wanted,
  read: (from: number) => Promise<FileTail>,
  watch: Watch,
): Promise<void> {
  await mkdir(dirname(path), { recursive: true })
  const partial = await PartialFile.open(file, path, watch)
  try {
    let futile = 0
    while (!partial.whole) {
      const before = partial.bytes
      try {
        await appendRest(partial, file, read, watch)
      } catch (error) {
        if (!(error instanceof Unavailable)) throw error
        futile = partial.bytes > before ? 0 : futile + 1
        if (futile > pausesMs.length) throw error
        watch.log(`${file.path}: the connection broke at ${formatBytes(partial.bytes)}, trying again`)
        await setTimeout(pausesMs[Math.max(0, futile - 1)], undefined, { signal: watch.signal })
      }
    }
    await partial.putInPlace()
  } finally {
    await partial.close()
  }
}

async function appendRest(
  partial: PartialFile,
  file: HubFile,
  read: (from: number) => Promise<FileTail>,
  watch: Watch,
): Promise<void> {
  const { from, chunks } = await read(partial.bytes)
  if (from !== partial.bytes) {
    watch.found(-partial.bytes)
    await partial.empty()
  }
  for await (const chunk of chunks) {
    watch.arrived(await partial.append(chunk))
    if (partial.whole) return
  }
  throw new Unavailable(
    `Only ${formatBytes(partial.bytes)} of ${formatBytes(file.bytes)} of ${file.path} came: run the same command again, which goes on from there.`,
  )
}
