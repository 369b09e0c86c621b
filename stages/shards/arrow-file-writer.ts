import { createHash } from 'node:crypto'
import { type FileHandle, open, rename, rm } from 'node:fs/promises'
import { crc32 } from 'node:zlib'
import type { RecordBatch, Schema } from 'apache-arrow'
import { sealed } from './arrow-checksum.ts'
import { ArrowSerializer } from './arrow-serializer.ts'
import { countRows } from './arrow-file-reader.ts'

/** Writes an Arrow file under a temporary name, one batch in memory at a time. */
export class ArrowFileWriter {
  readonly #path: string
  readonly #handle: FileHandle
  readonly #serializer: ArrowSerializer
  readonly #hash = createHash('sha256')
  #crc = 0
  #bytes = 0
  #rows = 0

  private constructor(path: string, handle: FileHandle, schema: Schema) {
    this.#path = path
    this.#handle = handle
    this.#serializer = new ArrowSerializer(schema)
  }

  static async create(path: string, schema: Schema): Promise<ArrowFileWriter> {
    return new ArrowFileWriter(path, await open(`${path}.partial`, 'w'), schema)
  }

  async write(batch: RecordBatch): Promise<void> {
    this.#rows += batch.numRows
    await this.#append(this.#serializer.serialize(batch))
  }

  /**
   * Completes the file and puts it in place. The caller makes the renames last, with `syncToDisk`.
   * Throws where the file does not hold the rows that were written.
   */
  async finish(): Promise<{ bytes: number; sha256: string }> {
    await this.#append(sealed(this.#serializer.end(), this.#crc))
    await this.#handle.sync()
    await this.#handle.close()
    const rows = await countRows(`${this.#path}.partial`)
    if (rows !== this.#rows)
      throw new Error(`\`${this.#path}\` holds ${rows} rows of the ${this.#rows} written.`)
    await rename(`${this.#path}.partial`, this.#path)
    return { bytes: this.#bytes, sha256: this.#hash.digest('hex') }
  }

  /** Leaves nothing behind; does nothing once the file is in place. */
  async discard(): Promise<void> {
    await this.#handle.close()
    await rm(`${this.#path}.partial`, { force: true })
  }

  async #append(bytes: Buffer): Promise<void> {
    this.#hash.update(bytes)
    this.#crc = crc32(bytes, this.#crc)
    this.#bytes += bytes.length
    await this.#handle.writeFile(bytes)
  }
}
