import { Field, makeData, RecordBatch, Schema, Struct, Uint32, type Data } from 'apache-arrow'
import { documentColumns, documentsSchema } from './documents.ts'
import { flagsColumn, metricColumns } from './scored.ts'
import { tokenLists, tokenizerMetadata, tokenizerOf } from './tokenized.ts'

const shardsKey = 'gradus.shards'

/** The schemas of a part's two files, whose rows are the same documents. */
export interface PartSchemas {
  /** The columns of `documents`, and `tokens`. */
  readonly tokens: Schema
  /** hash, bytes and tokens (Uint32: UTF-8 bytes and token count), and the metrics' columns. */
  readonly scores: Schema
}

/** Columns of a part, for batches of the given `scored` schema; `key` is what the part was made from. */
export function partSchemas(scored: Schema, key: string): PartSchemas {
  const metadata = () => new Map([tokenizerMetadata(tokenizerOf(scored)), ['gradus.key', key]])
  const named = (name: string) => scored.fields.find((field) => field.name === name) as Field
  const documents = [...documentsSchema.fields.map(({ name }) => name), 'tokens']
  const metrics = metricColumns(scored).flatMap(({ name }) => [name, flagsColumn(name)])
  const lengths = ['bytes', 'tokens'].map((name) => new Field(name, new Uint32(), false))
  return {
    tokens: new Schema(documents.map(named), metadata()),
    scores: new Schema([named('hash'), ...lengths, ...metrics.map(named)], metadata()),
  }
}

/** Splits a `scored` batch into the batches of a part's two files. */
export function partBatches(
  schemas: PartSchemas,
  scored: RecordBatch,
): { tokens: RecordBatch; scores: RecordBatch } {
  const { texts } = documentColumns(scored)
  const { offsets } = tokenLists(scored)
  const counts = Uint32Array.from({ length: scored.numRows }, (_, row) => offsets[row + 1] - offsets[row])
  const bytes = Uint32Array.from({ length: scored.numRows }, (_, row) => texts.byteLength(row))
  const columns = new Map(scored.schema.fields.map(({ name }, index) => [name, scored.data.children[index]]))
  return {
    tokens: batchOf(schemas.tokens, scored.numRows, columns),
    scores: batchOf(
      schemas.scores,
      scored.numRows,
      new Map([...columns, ['bytes', uint32Data(bytes)], ['tokens', uint32Data(counts)]]),
    ),
  }
}

/** Columns of the `scores` edge kind: part and row, then those of a scores file. */
export function scoresSchema(file: Schema, folder: string): Schema {
  const place = ['part', 'row'].map((name) => new Field(name, new Uint32(), false))
  return new Schema([...place, ...file.fields], new Map([...file.metadata, [shardsKey, folder]]))
}

/** A batch of a scores file, with the place of its rows: `part`, and rows from `firstRow`. */
export function scoresBatch(schema: Schema, file: RecordBatch, part: number, firstRow: number): RecordBatch {
  const rows = file.numRows
  const place = [
    new Uint32Array(rows).fill(part),
    Uint32Array.from({ length: rows }, (_, row) => firstRow + row),
  ]
  const children = [...place.map(uint32Data), ...file.data.children]
  return new RecordBatch(
    schema,
    makeData({ type: new Struct(schema.fields), length: rows, nullCount: 0, children }),
  )
}

/** `[rows]` views of the columns of a `scores` batch that every corpus has. */
export function scoreColumns(batch: RecordBatch) {
  const column = (name: string) => {
    const index = batch.schema.fields.findIndex((field) => field.name === name)
    return (batch.data.children[index] as Data<Uint32>).values.subarray(0, batch.numRows)
  }
  const hashes = batch.data.children[batch.schema.fields.findIndex(({ name }) => name === 'hash')]
  return {
    parts: column('part'),
    rows: column('row'),
    hashes: (hashes.values as BigUint64Array).subarray(0, batch.numRows),
    /** UTF-8 bytes. */
    bytes: column('bytes'),
    /** Token counts, without a separator. */
    tokens: column('tokens'),
  }
}

/** The folder of the shards that `scores` or `ordered` batches come from. */
export function shardsFolder(schema: Schema): string {
  const folder = schema.metadata.get(shardsKey)
  if (folder === undefined) throw new Error(`The batches' schema has no \`${shardsKey}\`.`)
  return folder
}

function batchOf(schema: Schema, length: number, columns: ReadonlyMap<string, Data>): RecordBatch {
  const children = schema.fields.map(({ name }) => columns.get(name) as Data)
  return new RecordBatch(
    schema,
    makeData({ type: new Struct(schema.fields), length, nullCount: 0, children }),
  )
}

function uint32Data(data: Uint32Array): Data {
  return makeData({ type: new Uint32(), length: data.length, nullCount: 0, data })
}
