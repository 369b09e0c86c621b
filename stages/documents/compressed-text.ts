import { decompress, type Chunks } from './decompress.ts'
import type { Compression } from './file-signature.ts'
import { openInput } from './open-input.ts'
import type { InputFile } from './unit.ts'

/** Small, since one chunk may decompress to a thousand times its size. */
const compressedChunk = 128 << 10

/**
 * The text of a compressed file, read from its beginning on. It holds memory and keeps no file open, but for the
 * moment in which it reads ahead: it may be left lying at any place, for the garbage collector or for whoever reads on.
 */
export class CompressedText {
  /** Bytes of text that were given so far. */
  at = 0
  readonly #chunks: Chunks
  #waiting: Buffer = Buffer.alloc(0)

  constructor(file: InputFile, compression: Exclude<Compression, 'none'>, onRead?: (bytes: number) => void) {
    this.#chunks = decompress[compression](compressedChunks(file, onRead))
  }

  /** Some bytes of the text, at most up to `end`; none where the text has ended. */
  async next(end: number): Promise<Buffer | undefined> {
    if (this.#waiting.length === 0) {
      const { value } = await this.#chunks.next()
      if (!value) return undefined
      this.#waiting = value
    }
    const chunk = this.#waiting.subarray(0, end - this.at)
    this.#waiting = this.#waiting.subarray(chunk.length)
    this.at += chunk.length
    return chunk
  }

  /** Frees its memory at once. */
  async close(): Promise<void> {
    await this.#chunks.return()
  }
}

async function* compressedChunks(file: InputFile, onRead?: (bytes: number) => void): Chunks {
  for (let at = 0; ;) {
    const chunk = await compressedBytes(file, at)
    if (chunk.length === 0) return
    onRead?.(chunk.length)
    yield chunk
    at += chunk.length
  }
}

async function compressedBytes(file: InputFile, at: number): Promise<Buffer> {
  const handle = await openInput(file)
  try {
    const chunk = Buffer.allocUnsafeSlow(compressedChunk)
    const { bytesRead } = await handle.read(chunk, 0, compressedChunk, at)
    return chunk.subarray(0, bytesRead)
  } finally {
    await handle.close()
  }
}
