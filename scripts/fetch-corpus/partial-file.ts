import type { Hash } from 'node:crypto'
import { constants, type FileHandle, open, rename, rm, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { UserError } from '../../schemas/user-error.ts'
import { syncToDisk } from '../../stages/replace-file.ts'
import { hashFile, startHash, type Watch } from './checksum.ts'
import type { HubFile } from './hub.ts'

/** What there is of a file so far, under a name of its own, with the hash of it. */
export class PartialFile {
  readonly #file: HubFile
  readonly #path: string
  readonly #handle: FileHandle
  #hash: Hash
  #bytes = 0

  private constructor(file: HubFile, path: string, handle: FileHandle) {
    this.#file = file
    this.#path = path
    this.#handle = handle
    this.#hash = startHash(file.checksum, file.bytes)
  }

  /** With what earlier tries brought. */
  static async open(file: HubFile, path: string, watch: Watch): Promise<PartialFile> {
    const bytes = await partialBytes(file, path)
    const { O_WRONLY, O_CREAT, O_APPEND, O_TRUNC } = constants
    const keep = bytes > 0 ? 0 : O_TRUNC
    const handle = await open(partialPath(file, path), O_WRONLY | O_CREAT | O_APPEND | keep)
    const partial = new PartialFile(file, path, handle)
    try {
      await hashFile(partial.#hash, partialPath(file, path), bytes, watch)
      partial.#bytes = bytes
      return partial
    } catch (error) {
      await handle.close()
      throw error
    }
  }

  get bytes(): number {
    return this.#bytes
  }

  get whole(): boolean {
    return this.#bytes === this.#file.bytes
  }

  /** Bytes past the end of the file are not written. */
  async append(chunk: Uint8Array): Promise<number> {
    const wanted = chunk.subarray(0, this.#file.bytes - this.#bytes)
    await this.#handle.appendFile(wanted)
    this.#hash.update(wanted)
    this.#bytes += wanted.length
    return wanted.length
  }

  async empty(): Promise<void> {
    await this.#handle.truncate()
    this.#hash = startHash(this.#file.checksum, this.#file.bytes)
    this.#bytes = 0
  }

  /**
   * Gives the whole file its name, once it is on disk.
   *
   * @throws UserError where its checksum is wrong or another process wrote to it; nothing of it is kept then.
   */
  async putInPlace(): Promise<void> {
    const partial = partialPath(this.#file, this.#path)
    const { path, checksum } = this.#file
    const found = this.#hash.digest('hex')
    if (found !== checksum.hex) {
      await rm(partial)
      throw new UserError(
        `The checksum of ${path} is ${found} and not ${checksum.hex}, so it was not kept: run the same command again to download it anew.`,
      )
    }
    // The hash is of the bytes that came, which are those on disk unless somebody else appended some.
    if ((await this.#handle.stat()).size !== this.#bytes) {
      await rm(partial, { force: true })
      throw new UserError(
        `Another process downloaded ${path} to the same folder at the same time: wait until it is done, and run the same command again.`,
      )
    }
    await this.#handle.sync()
    await rename(partial, this.#path)
    await syncToDisk(dirname(this.#path))
  }

  /** Keeps what came for another try. */
  async close(): Promise<void> {
    await this.#handle.close()
    if (this.#bytes === 0) await rm(partialPath(this.#file, this.#path), { force: true })
  }
}

/** How much of the file earlier tries brought. More than all of it is none of it. */
export async function partialBytes(file: HubFile, path: string): Promise<number> {
  const found = await stat(partialPath(file, path)).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined
    throw error
  })
  return found && found.size <= file.bytes ? found.size : 0
}

/** Another version of the file has another name, so that the two never mix. */
function partialPath({ checksum }: HubFile, path: string): string {
  return `${path}.${checksum.hex.slice(0, 12)}.partial`
}
