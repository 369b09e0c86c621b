import { crc32 } from 'node:zlib'

/** Bytes that one checksum covers: few enough that checking a block on its first read is not noticed. */
export const blockBytes = 1 << 16

/** CRC-32 of each block of a stream of bytes. */
export class BlockChecksums {
  readonly #finished: number[] = []
  #crc = 0
  #filled = 0

  update(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length;) {
      const end = Math.min(bytes.length, at + blockBytes - this.#filled)
      this.#crc = crc32(bytes.subarray(at, end), this.#crc)
      this.#filled += end - at
      at = end
      if (this.#filled === blockBytes) this.#next()
    }
  }

  /** `[blocks]`; the last block may be shorter. */
  finish(): Uint32Array<ArrayBuffer> {
    if (this.#filled > 0) this.#next()
    return Uint32Array.from(this.#finished)
  }

  #next(): void {
    this.#finished.push(this.#crc)
    this.#crc = 0
    this.#filled = 0
  }
}
