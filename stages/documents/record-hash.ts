import { createHash } from 'node:crypto'
import type { RawRecord } from './records.ts'

const stagingBytes = 64 << 10
const lengthBytes = 4

/**
 * SHA-256 over a sequence of records: the bytes of each, then those of its id where it is kept apart. Both are
 * preceded by their length in bytes (32 bits, little-endian), so that the places where records are cut matter.
 * Small records are gathered first: a call into the hash costs more than hashing a line.
 */
export class RecordHash {
  readonly #hash = createHash('sha256')
  readonly #staging = Buffer.allocUnsafe(stagingBytes)
  #staged = 0

  add({ bytes, id }: Pick<RawRecord, 'bytes' | 'id'>): void {
    this.#add(bytes)
    if (id !== undefined) this.#add(Buffer.from(id))
  }

  /** In hex. Nothing can be added afterwards. */
  digest(): string {
    this.#flush()
    return this.#hash.digest('hex')
  }

  #add(bytes: Uint8Array): void {
    if (this.#staged + lengthBytes + bytes.length > stagingBytes) this.#flush()
    this.#staged = this.#staging.writeUInt32LE(bytes.length, this.#staged)
    if (this.#staged + bytes.length > stagingBytes) {
      this.#flush()
      this.#hash.update(bytes)
    } else {
      this.#staging.set(bytes, this.#staged)
      this.#staged += bytes.length
    }
  }

  #flush(): void {
    this.#hash.update(this.#staging.subarray(0, this.#staged))
    this.#staged = 0
  }
}
