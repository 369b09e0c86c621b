import type { FileHandle } from 'node:fs/promises'
import { UserError } from '../../../schemas/user-error.ts'
import { openInput, stateOf } from '../open-input.ts'
import type { InputFile } from '../unit.ts'

/** What a short read takes along, since what follows is often wanted next. */
const readAhead = 256 << 10

/** Gives what lies from one byte to another. */
export type ReadBuffer = (start: number, end: number) => Promise<Buffer>

/** An open file, read at any place. */
export class FileParts {
  readonly source: string
  readonly size: number
  /** Another one once the file has changed. */
  readonly state: string
  readonly #handle: FileHandle
  #window: { readonly start: number; readonly bytes: Buffer } = { start: 0, bytes: Buffer.alloc(0) }

  /** @throws UserError where the file is missing or may not be read. */
  static async open(file: InputFile): Promise<FileParts> {
    const handle = await openInput(file)
    try {
      const { size, state } = await stateOf(handle)
      return new FileParts(handle, file.source, size, state)
    } catch (error) {
      await handle.close()
      throw error
    }
  }

  private constructor(handle: FileHandle, source: string, size: number, state: string) {
    this.#handle = handle
    this.source = source
    this.size = size
    this.state = state
  }

  /** The bytes from `start` to `end`; they are never changed. @throws UserError where the file ends before. */
  async bytes(start: number, end: number): Promise<Buffer> {
    if (end > this.size || start < 0 || start > end) throw this.truncated()
    const { start: windowStart, bytes } = this.#window
    if (start < windowStart || end > windowStart + bytes.length) {
      const length = Math.min(Math.max(end - start, readAhead), this.size - start)
      this.#window = { start, bytes: await this.#read(start, length) }
    }
    return this.#window.bytes.subarray(start - this.#window.start, end - this.#window.start)
  }

  truncated(): UserError {
    return new UserError(`\`${this.source}\` is truncated, it ends too early: fetch it again.`)
  }

  close(): Promise<void> {
    return this.#handle.close()
  }

  async #read(start: number, length: number): Promise<Buffer> {
    const bytes = Buffer.allocUnsafeSlow(length)
    for (let at = 0; at < length;) {
      const { bytesRead } = await this.#handle.read(bytes, at, length - at, start + at)
      if (bytesRead === 0) throw this.truncated()
      at += bytesRead
    }
    return bytes
  }
}
