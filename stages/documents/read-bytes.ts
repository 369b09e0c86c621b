import { open, type FileHandle } from 'node:fs/promises'
import { pipeline, Readable } from 'node:stream'
import { setImmediate } from 'node:timers/promises'
import { createGunzip } from 'node:zlib'
import binding from 'zstd-napi/binding.js'
import { UserError } from '../../schemas/user-error.ts'
import { assertText, compressionOf, signatureBytes, type Compression } from './file-signature.ts'

/** Offsets in a file's text; of the decompressed text where the file is compressed. */
export interface ByteRange {
  readonly start: number
  /** Exclusive; may lie beyond the end. */
  readonly end: number
}

export interface Reading {
  readonly signal: AbortSignal
  /** Told how many bytes came from the disk, compressed as they are. */
  onRead?(bytes: number): void
}

type Chunks = AsyncGenerator<Buffer, void, undefined>

const plainChunk = 1 << 20
/** Small, since one chunk may decompress to a thousand times its size. */
const compressedChunk = 128 << 10
const decompressedChunk = 256 << 10
/** zstd's own limit on 64-bit machines; published corpora are compressed with long windows. */
const zstdWindowLog = 31

/**
 * Yields the bytes of `range`, decompressed, a fresh buffer a chunk. Reads as the consumer asks; the file is
 * closed when the generator ends, fails, is returned early or is aborted. A compressed file is decompressed
 * from its beginning and what lies before `range.start` is dropped.
 *
 * @throws UserError where the file is missing, unreadable, truncated, damaged or no text.
 */
export async function* readBytes(path: string, range: ByteRange, reading: Reading): Chunks {
  const file = await openInput(path)
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(signatureBytes), 0, signatureBytes, 0)
    const whole = { start: 0, end: (await file.stat()).size }
    const compression = compressionOf(path, buffer.subarray(0, bytesRead))
    const chunks =
      compression === 'none'
        ? fileChunks(file, plainChunk, { start: range.start, end: Math.min(range.end, whole.end) }, reading)
        : clip(decompressors[compression](fileChunks(file, compressedChunk, whole, reading)), range)
    let head = range.start === 0
    for await (const chunk of chunks) {
      reading.signal.throwIfAborted()
      if (head) assertText(path, chunk)
      head = false
      yield chunk
    }
  } catch (error) {
    throw reading.signal.aborted ? reading.signal.reason : plainError(path, error)
  } finally {
    await file.close()
  }
}

export const wholeFile: ByteRange = { start: 0, end: Infinity }

async function openInput(path: string): Promise<FileHandle> {
  try {
    return await open(path)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT') throw new UserError(`\`${path}\` does not exist: check the path.`)
    if (code === 'EACCES') throw new UserError(`\`${path}\` may not be read: check its permissions.`)
    throw error
  }
}

async function* fileChunks(
  file: FileHandle,
  size: number,
  { start, end }: ByteRange,
  reading: Reading,
): Chunks {
  for (let at = start; at < end;) {
    reading.signal.throwIfAborted()
    const wanted = Math.min(size, end - at)
    const { buffer, bytesRead } = await file.read(Buffer.allocUnsafeSlow(wanted), 0, wanted, at)
    if (bytesRead === 0) return
    reading.onRead?.(bytesRead)
    yield buffer.subarray(0, bytesRead)
    at += bytesRead
  }
}

async function* clip(chunks: Chunks, { start, end }: ByteRange): Chunks {
  let at = 0
  for await (const chunk of chunks) {
    const wanted = chunk.subarray(Math.max(0, start - at), Math.max(0, end - at))
    at += chunk.length
    if (wanted.length > 0) yield wanted
    if (at >= end) return
  }
}

const decompressors: Record<Exclude<Compression, 'none'>, (chunks: Chunks) => Chunks> = {
  /** zlib works on a thread of its own; members that follow one another are read as one. */
  async *gzip(chunks) {
    const gunzip = createGunzip({ chunkSize: decompressedChunk })
    // Errors of either side surface where `gunzip` is read.
    pipeline(Readable.from(chunks, { objectMode: true, highWaterMark: 1 }), gunzip, () => {})
    try {
      for await (const chunk of gunzip) yield chunk as Buffer
    } finally {
      gunzip.destroy()
    }
  },

  /** On the raw context, since DecompressStream expands a whole chunk before it heeds back-pressure. */
  async *zstd(chunks) {
    const context = new binding.DCtx()
    context.setParameter(binding.DParameter.windowLogMax, zstdWindowLog)
    const decompressInto = (output: Buffer, input: Buffer) => {
      try {
        return context.decompressStream(output, input)
      } catch (error) {
        throw new DamagedError((error as Error).message)
      }
    }
    let inFrame = false
    for await (const chunk of chunks) {
      for (let input = chunk, more = true; more;) {
        const output = Buffer.allocUnsafeSlow(decompressedChunk)
        const [expected, produced, consumed] = decompressInto(output, input)
        if (produced > 0) yield output.subarray(0, produced)
        // All of this is on the one thread: let an interruption or the progress display have its turn.
        await setImmediate()
        input = input.subarray(consumed)
        inFrame = expected !== 0
        // A full output may mean that more of the frame waits inside the context.
        more = input.length > 0 || (inFrame && produced === output.length)
      }
    }
    if (inFrame) throw new TruncatedError()
  },
}

class TruncatedError extends Error {}
class DamagedError extends Error {}

function plainError(path: string, error: unknown): unknown {
  const { code = '', message } = error as NodeJS.ErrnoException
  if (error instanceof TruncatedError || code === 'Z_BUF_ERROR') {
    return new UserError(`\`${path}\` is truncated, its compressed data ends too early: fetch it again.`)
  }
  if (error instanceof DamagedError || code.startsWith('Z_')) {
    return new UserError(`\`${path}\` cannot be decompressed (${message}): fetch it again.`)
  }
  return error
}
