import { createHash, type Hash } from 'node:crypto'
import { createReadStream } from 'node:fs'

/**
 * A checksum as the hub has it: files in its large-file storage are known by the SHA-256 of their bytes, all others by
 * their git object id, which is SHA-1 over `blob LENGTH\0` and the bytes.
 */
export interface Checksum {
  readonly algorithm: 'sha256' | 'git-blob'
  readonly hex: string
}

/** What work on a file tells and is told while it runs. */
export interface Watch {
  readonly signal: AbortSignal
  /** Bytes from the network are on disk. */
  arrived(bytes: number): void
  /** Bytes were on disk already; negative where some turn out useless. */
  found(bytes: number): void
  log(sentence: string): void
}

/** @param bytes length of the whole file, which a git object id begins with */
export function startHash({ algorithm }: Checksum, bytes: number): Hash {
  return algorithm === 'sha256' ? createHash('sha256') : createHash('sha1').update(`blob ${bytes}\0`)
}

/** Feeds the first `bytes` bytes of a file to `hash`. */
export async function hashFile(hash: Hash, path: string, bytes: number, watch: Watch): Promise<void> {
  if (bytes === 0) return
  const chunks = createReadStream(path, { end: bytes - 1, highWaterMark: 1 << 20, signal: watch.signal })
  for await (const chunk of chunks as AsyncIterable<Buffer>) {
    hash.update(chunk)
    watch.found(chunk.length)
  }
}
