import { createHash } from 'node:crypto'

const stagingBytes = 64 << 10
const lengthBytes = 4

/**
 * SHA-256 over a sequence of records, each preceded by its length in bytes (32 bits, little-endian), so that the
 * places where records are cut matter. Small records are gathered first: a call into the hash costs more than
 * hashing a line.
 */
export class RecordHash {
  readonly #hash = createHash('sha256')
  readonly #staging = Buffer.allocUnsafe(stagingBytes)
  #staged = 0

  add(record: Uint8Array): void {
    if (this.#staged + lengthBytes + record.length > stagingBytes) this.#flush()
    this.#staged = this.#staging.writeUInt32LE(record.length, this.#staged)
    if (this.#staged + record.length > stagingBytes) {
      this.#flush()
      this.#hash.update(record)
    } else {
      this.#staging.set(record, this.#staged)
      this.#staged += record.length
    }
  }

  /** In hex. Nothing can be added afterwards. */
  digest(): string {
    this.#flush()
    return this.#hash.digest('hex')
  }

  #flush(): void {
    this.#hash.update(this.#staging.subarray(0, this.#staged))
    this.#staged = 0
  }
}
