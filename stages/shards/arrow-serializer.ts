import './zstd-buffers.ts'
import { CompressionType, Message, type RecordBatch, RecordBatchFileWriter, type Schema } from 'apache-arrow'

type Bytes = Parameters<RecordBatchFileWriter['_write']>[0]

/**
 * apache-arrow's file writer with three amends: what it serializes is taken away a batch at a time, where its own sink
 * has no back-pressure and holds the whole file; the file repeats the schema at its start, as the format has it; and a
 * compressed buffer is preceded by its length before compression, where the library (21.2) gives the one after, which
 * other implementations reject.
 */
export class ArrowSerializer extends RecordBatchFileWriter {
  #chunks: Uint8Array[] = []

  constructor(schema: Schema) {
    super({ compressionType: CompressionType.ZSTD })
    this.reset(undefined, schema)
  }

  /** Bytes of the next batch. Throws where its columns are not the file's. */
  serialize(batch: RecordBatch): Buffer {
    this.write(batch)
    // The library takes other columns for the end of the file, and drops the batch in silence.
    if (!this._started) throw new Error('A batch does not have the columns of its file.')
    return this.#take()
  }

  /** The file's last bytes. */
  end(): Buffer {
    this.close()
    return this.#take()
  }

  #take(): Buffer {
    const bytes = Buffer.concat(this.#chunks)
    this.#chunks = []
    return bytes
  }

  protected override _write(chunk: Bytes): this {
    const { buffer, byteOffset, byteLength } = chunk as Uint8Array
    if (this._started && byteLength > 0) {
      this.#chunks.push(new Uint8Array(buffer, byteOffset, byteLength))
      this._position += byteLength
    }
    return this
  }

  protected override _writeSchema(schema: Schema): this {
    super._writeSchema(schema)
    return this._writeMessage(Message.from(schema))
  }

  protected override _compressBodyBuffers(buffers: ArrayBufferView[]) {
    const body = super._compressBodyBuffers(buffers)
    buffers.forEach(({ byteLength }, index) => {
      const prefix = body.buffers[2 * index]
      if (prefix.byteLength === 0) return
      const length = new DataView(prefix.buffer, prefix.byteOffset)
      // -1 stands for a buffer that compression does not shorten.
      if (length.getBigInt64(0, true) !== -1n) length.setBigInt64(0, BigInt(byteLength), true)
    })
    return body
  }
}
