import { hash as digest } from 'node:crypto'
import { Field, makeData, RecordBatch, Schema, Struct, Uint32, Uint64, Utf8, type Data } from 'apache-arrow'

/**
 * Columns of the `documents` edge kind. Every batch is built from this one object: an Arrow writer drops batches
 * whose fields differ from those of the first, without an error.
 */
export const documentsSchema = new Schema([
  /** First 8 bytes, big-endian, of SHA-256 over the text in UTF-8. */
  new Field('hash', new Uint64(), false),
  new Field('id', new Utf8(), false),
  new Field('text', new Utf8(), false),
  /** File name as the user gave it, with '/' between folders. */
  new Field('source', new Utf8(), false),
  /** Record number in the source, from 0. */
  new Field('position', new Uint32(), false),
])

/** Documents before they are columns: four arrays of one length. */
export interface DocumentRows {
  readonly ids: readonly string[]
  readonly texts: readonly string[]
  readonly sources: readonly string[]
  readonly positions: readonly number[]
}

/** `[rows]` views of a batch's columns; they share the batch's memory. */
export interface DocumentColumns {
  readonly rows: number
  readonly hashes: BigUint64Array
  readonly ids: Utf8Column
  readonly texts: Utf8Column
  readonly sources: Utf8Column
  readonly positions: Uint32Array
}

/** Reads a Utf8 column from its raw values and offsets: row proxies cost 200 times as much. */
export class Utf8Column {
  readonly length: number
  readonly #values: Buffer
  readonly #offsets: Int32Array

  constructor(data: Data<Utf8>) {
    const { values, valueOffsets, length } = data
    this.length = length
    this.#values = Buffer.from(values.buffer, values.byteOffset, values.byteLength)
    this.#offsets = valueOffsets
  }

  /** Bytes of a row in UTF-8: a view, not a copy. */
  bytes(row: number): Uint8Array {
    return this.#values.subarray(this.#offsets[row], this.#offsets[row + 1])
  }

  byteLength(row: number): number {
    return this.#offsets[row + 1] - this.#offsets[row]
  }

  text(row: number): string {
    return this.#values.toString('utf8', this.#offsets[row], this.#offsets[row + 1])
  }
}

/** The first 8 bytes, big-endian, of SHA-256 over a text in UTF-8. */
export function documentHash(utf8: Uint8Array): bigint {
  return digest('sha256', utf8, 'buffer').readBigUInt64BE(0)
}

/**
 * Builds a batch. Lone surrogates, which UTF-8 cannot hold, become U+FFFD.
 * Its text must stay below 2 GiB, where Arrow's 32-bit offsets end.
 */
export function documentsBatch({ ids, texts, sources, positions }: DocumentRows): RecordBatch {
  const rows = texts.length
  const text = utf8Data(texts)
  const column = new Utf8Column(text)
  const hashes = new BigUint64Array(rows)
  for (let row = 0; row < rows; row++) hashes[row] = documentHash(column.bytes(row))
  const children = [
    makeData({ type: new Uint64(), length: rows, nullCount: 0, data: hashes }),
    utf8Data(ids),
    text,
    utf8Data(sources),
    makeData({ type: new Uint32(), length: rows, nullCount: 0, data: Uint32Array.from(positions) }),
  ]
  const type = new Struct(documentsSchema.fields)
  return new RecordBatch(documentsSchema, makeData({ type, length: rows, nullCount: 0, children }))
}

/** Views of the columns that every batch of documents has, tokenized and scored ones included. */
export function documentColumns(batch: RecordBatch): DocumentColumns {
  return {
    rows: batch.numRows,
    // A batch read from a file has values padded beyond its rows.
    hashes: (columnData(batch, 'hash').values as BigUint64Array).subarray(0, batch.numRows),
    ids: utf8Column(batch, 'id'),
    texts: utf8Column(batch, 'text'),
    sources: utf8Column(batch, 'source'),
    positions: (columnData(batch, 'position').values as Uint32Array).subarray(0, batch.numRows),
  }
}

/** The view of a batch's Utf8 column. Throws where the batch has no column of that name. */
export function utf8Column(batch: RecordBatch, name: string): Utf8Column {
  return new Utf8Column(columnData(batch, name) as Data<Utf8>)
}

function columnData(batch: RecordBatch, name: string): Data {
  const index = batch.schema.fields.findIndex((field) => field.name === name)
  if (index < 0) throw new Error(`The batch has no column \`${name}\`.`)
  return batch.data.children[index]
}

function utf8Data(strings: readonly string[]): Data<Utf8> {
  const valueOffsets = new Int32Array(strings.length + 1)
  let bytes = 0
  for (let row = 0; row < strings.length; row++) {
    bytes += Buffer.byteLength(strings[row])
    valueOffsets[row + 1] = bytes
  }
  const data = Buffer.allocUnsafeSlow(bytes)
  for (let row = 0; row < strings.length; row++) data.write(strings[row], valueOffsets[row])
  return makeData({ type: new Utf8(), length: strings.length, nullCount: 0, valueOffsets, data })
}
