import { type DataType, type Field, makeData, RecordBatch, type Schema, Struct } from 'apache-arrow'
import { utf8Column } from '../../schemas/documents.ts'
import { ColumnBuffer } from './column-buffer.ts'

/** Rows of a batch in a shard, and bytes of text unless one document has more: a reader holds one batch at a time. */
const rowsPerBatch = 4096
const textPerBatch = 1 << 26

/**
 * Cuts batches anew, at rows that depend on the documents alone: the same rows give the same batches, all of the
 * first one's schema.
 */
export async function* regroup(
  batches: AsyncIterable<RecordBatch>,
): AsyncGenerator<RecordBatch, void, undefined> {
  let group: RowGroup | undefined
  for await (const batch of batches) {
    group ??= new RowGroup(batch.schema)
    const texts = utf8Column(batch, 'text')
    for (let from = 0; from < batch.numRows;) {
      let to = from
      while (to < batch.numRows && group.reserve(texts.byteLength(to))) to++
      group.append(batch, from, to)
      if (to < batch.numRows) yield group.take()
      from = to
    }
  }
  if (group && group.rows > 0) yield group.take()
}

/** The rows of the batch that is being filled. */
class RowGroup {
  readonly #schema: Schema
  readonly #columns: readonly ColumnBuffer[]
  #text = 0
  rows = 0

  constructor(schema: Schema) {
    this.#schema = schema
    this.#columns = schema.fields.map((field: Field<DataType>) => new ColumnBuffer(field.type))
  }

  /** Whether a document of that many bytes has room; it then counts as there. */
  reserve(bytes: number): boolean {
    if (this.rows > 0 && (this.rows === rowsPerBatch || this.#text + bytes > textPerBatch)) return false
    this.rows++
    this.#text += bytes
    return true
  }

  append(batch: RecordBatch, from: number, to: number): void {
    this.#columns.forEach((column, index) => column.append(batch.data.children[index], from, to))
  }

  take(): RecordBatch {
    const { fields } = this.#schema
    const children = this.#columns.map((column) => column.take())
    const data = makeData({ type: new Struct(fields), length: this.rows, nullCount: 0, children })
    this.rows = 0
    this.#text = 0
    return new RecordBatch(this.#schema, data)
  }
}
