import { pipeline, Readable } from 'node:stream'
import { setImmediate } from 'node:timers/promises'
import { createGunzip } from 'node:zlib'
import binding from 'zstd-napi/binding.js'
import type { Compression } from './file-signature.ts'

export type Chunks = AsyncGenerator<Buffer, void, undefined>

export class TruncatedError extends Error {}
export class DamagedError extends Error {}

const decompressedChunk = 256 << 10
/** zstd's own limit on 64-bit machines; published corpora are compressed with long windows. */
const zstdWindowLog = 31

/** @throws TruncatedError, DamagedError or zlib's own. */
export const decompress: Record<Exclude<Compression, 'none'>, (chunks: Chunks) => Chunks> = {
  /** zlib works on a thread of its own; members that follow one another are read as one. */
  async *gzip(chunks) {
    const gunzip = createGunzip({ chunkSize: decompressedChunk })
    const source = Readable.from(chunks, { objectMode: true, highWaterMark: 1 })
    // Errors of either side surface where `gunzip` is read.
    pipeline(source, gunzip, () => {})
    try {
      for await (const chunk of gunzip) yield chunk as Buffer
    } finally {
      gunzip.destroy()
      if (!source.closed) await new Promise((resolve) => source.once('close', resolve))
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
