import type { FileHandle } from 'node:fs/promises'
import { UserError } from '../../schemas/user-error.ts'
import { CompressedText } from './compressed-text.ts'
import { DamagedError, TruncatedError, type Chunks } from './decompress.ts'
import { assertText, compressionOf, signatureBytes, type Compression } from './file-signature.ts'
import { openInput, stateOf } from './open-input.ts'
import type { InputFile } from './unit.ts'

/** Offsets in a file's text; of the decompressed text where the file is compressed. */
export interface ByteRange {
  readonly start: number
  /** Exclusive; may lie beyond the end. */
  readonly end: number
}

export interface Reading {
  readonly signal: AbortSignal
  /** Told how many bytes came from the disk, compressed as they are. */
  readonly onRead?: (bytes: number) => void
  /**
   * Any object that all units of a run share. What one unit learned of a file serves the next one, and is forgotten
   * with this object.
   */
  readonly run?: object
}

const plainChunk = 1 << 20

/** Where reading a compressed file stopped last, for the unit that goes on from there. */
const bookmarks = new WeakMap<object, { readonly state: string; readonly text: CompressedText }>()

/**
 * Yields the bytes of `range`, decompressed, a fresh buffer a chunk. Reads as the consumer asks; the file is
 * closed when the generator ends, fails, is returned early or is aborted. A compressed file is decompressed from
 * where the last range of the same run ended, if that was before `range.start`, else from its beginning.
 *
 * @throws UserError where the file is missing, unreadable, truncated, damaged or no text.
 */
export async function* readBytes(file: InputFile, range: ByteRange, reading: Reading): Chunks {
  const handle = await openInput(file)
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(signatureBytes), 0, signatureBytes, 0)
    const compression = compressionOf(file.source, buffer.subarray(0, bytesRead))
    const chunks =
      compression === 'none'
        ? plainChunks(handle, range, reading)
        : decompressedChunks(file, compression, (await stateOf(handle)).state, range, reading)
    let head = range.start === 0
    for await (const chunk of chunks) {
      reading.signal.throwIfAborted()
      if (head) assertText(file.source, chunk)
      head = false
      yield chunk
    }
  } catch (error) {
    throw reading.signal.aborted ? reading.signal.reason : plainError(file.source, error)
  } finally {
    await handle.close()
  }
}

async function* plainChunks(handle: FileHandle, { start, end }: ByteRange, reading: Reading): Chunks {
  for (let at = start; at < end;) {
    reading.signal.throwIfAborted()
    const wanted = Math.min(plainChunk, end - at)
    const { buffer, bytesRead } = await handle.read(Buffer.allocUnsafeSlow(wanted), 0, wanted, at)
    if (bytesRead === 0) return
    reading.onRead?.(bytesRead)
    yield buffer.subarray(0, bytesRead)
    at += bytesRead
  }
}

async function* decompressedChunks(
  file: InputFile,
  compression: Exclude<Compression, 'none'>,
  state: string,
  { start, end }: ByteRange,
  { signal, onRead, run }: Reading,
): Chunks {
  const text = (run && (await takeUp(run, state, start))) ?? new CompressedText(file, compression, onRead)
  let goesOn = false
  try {
    while (text.at < end) {
      signal.throwIfAborted()
      const chunk = await text.next(text.at < start ? start : end)
      if (!chunk) return
      if (text.at > start) yield chunk
    }
    goesOn = true
  } finally {
    if (run && goesOn) bookmarks.set(run, { state, text })
    else await text.close()
  }
}

/** The text that the run left somewhere before `start`, if it is of the same file and the file is still the same. */
async function takeUp(run: object, state: string, start: number): Promise<CompressedText | undefined> {
  const left = bookmarks.get(run)
  if (!left) return undefined
  bookmarks.delete(run)
  if (left.state === state && left.text.at <= start) return left.text
  await left.text.close()
  return undefined
}

function plainError(source: string, error: unknown): unknown {
  const { code = '', message } = error as NodeJS.ErrnoException
  if (error instanceof TruncatedError || code === 'Z_BUF_ERROR') {
    return new UserError(`\`${source}\` is truncated, its compressed data ends too early: fetch it again.`)
  }
  if (error instanceof DamagedError || code.startsWith('Z_')) {
    return new UserError(`\`${source}\` cannot be decompressed (${message}): fetch it again.`)
  }
  return error
}
