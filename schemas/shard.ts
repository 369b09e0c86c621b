import { Field, Float64, makeData, RecordBatch, Schema, Struct, Uint32, Uint8, type Data } from 'apache-arrow'
import { documentColumns, documentsSchema } from './documents.ts'
import { flagsColumn, type MetricColumn, metricColumns, metricValues } from './scored.ts'
import { tokenLists, tokenizerMetadata, tokenizerOf } from './tokenized.ts'

const shardsKey = 'gradus.shards'
const keyName = 'gradus.key'

/** The schemas of a part's two files, whose rows are the same documents. */
export interface PartSchemas {
  /** The columns of `documents`, and `tokens`. */
  readonly tokens: Schema
  /** hash, bytes and tokens (Uint32: UTF-8 bytes and token count), and the metrics' columns. */
  readonly scores: Schema
}

/** What a part and its columns were made from: equal keys mean equal contents. */
export interface PartKeys {
  /** Of everything in the part. */
  readonly all: string
  /** Of the tokens file. */
  readonly tokens: string
  /** Of a metric's columns. */
  metric(name: string): string
}

/**
 * Columns of a part, for batches of the given `scored` schema.
 * @param metrics in their order; those that are kept from an earlier part are columns of `kept`, its scores file
 */
export function partSchemas(
  scored: Schema,
  metrics: readonly MetricColumn[],
  keys: PartKeys,
  kept?: Schema,
): PartSchemas {
  const metadata = (key: string) => new Map([tokenizerMetadata(tokenizerOf(scored)), [keyName, key]])
  const named = (name: string) =>
    [...scored.fields, ...(kept?.fields ?? [])].find((field) => field.name === name) as Field
  const documents = [...documentsSchema.fields.map(({ name }) => name), 'tokens']
  const scores = metrics.flatMap(({ name }) => {
    const { metadata } = named(name)
    const withKey = new Map([...metadata].filter(([name]) => name !== keyName)).set(
      keyName,
      keys.metric(name),
    )
    return [new Field(name, new Float64(), false, withKey), named(flagsColumn(name))]
  })
  const lengths = ['bytes', 'tokens'].map((name) => new Field(name, new Uint32(), false))
  return {
    tokens: new Schema(documents.map(named), metadata(keys.tokens)),
    scores: new Schema([named('hash'), ...lengths, ...scores], metadata(keys.all)),
  }
}

/**
 * Splits a `scored` batch into the batches of a part's two files.
 * @param kept the same documents in an earlier scores file, for the metrics that the batch lacks
 */
export function partBatches(
  schemas: PartSchemas,
  scored: RecordBatch,
  kept?: RecordBatch,
): { tokens: RecordBatch; scores: RecordBatch } {
  const { texts } = documentColumns(scored)
  const { offsets } = tokenLists(scored)
  const counts = Uint32Array.from({ length: scored.numRows }, (_, row) => offsets[row + 1] - offsets[row])
  const bytes = Uint32Array.from({ length: scored.numRows }, (_, row) => texts.byteLength(row))
  const columns = new Map([...(kept ? metricData(kept) : []), ...columnsOf(scored)])
  return {
    tokens: batchOf(schemas.tokens, scored.numRows, columns),
    scores: batchOf(
      schemas.scores,
      scored.numRows,
      new Map([...columns, ['bytes', uint32Data(bytes)], ['tokens', uint32Data(counts)]]),
    ),
  }
}

/** The documents of a batch of a tokens file, without their tokens. */
export function documentsOf(batch: RecordBatch): RecordBatch {
  return batchOf(documentsSchema, batch.numRows, new Map(columnsOf(batch)))
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
  return {
    parts: column('part'),
    rows: column('row'),
    hashes: documentHashes(batch),
    /** UTF-8 bytes. */
    bytes: column('bytes'),
    /** Token counts, without a separator. */
    tokens: column('tokens'),
  }
}

/** `[rows]` view of the hashes of the documents' texts, in a batch of any kind that has them. */
export function documentHashes(batch: RecordBatch): BigUint64Array {
  const hashes = batch.data.children[batch.schema.fields.findIndex(({ name }) => name === 'hash')]
  return (hashes.values as BigUint64Array).subarray(0, batch.numRows)
}

/** The folder of the shards that `scores` or `ordered` batches come from. */
export function shardsFolder(schema: Schema): string {
  const folder = schema.metadata.get(shardsKey)
  if (folder === undefined) throw new Error(`The batches' schema has no \`${shardsKey}\`.`)
  return folder
}

function columnsOf(batch: RecordBatch): [string, Data][] {
  return batch.schema.fields.map(({ name }, index) => [name, batch.data.children[index]])
}

/** The metrics' columns of a batch that was read from a file, without what pads them. */
function metricData(batch: RecordBatch): [string, Data][] {
  const length = batch.numRows
  return metricColumns(batch.schema).flatMap(({ name }): [string, Data][] => {
    const { values, flags } = metricValues(batch, name)
    return [
      [name, makeData({ type: new Float64(), length, nullCount: 0, data: values })],
      [flagsColumn(name), makeData({ type: new Uint8(), length, nullCount: 0, data: flags })],
    ]
  })
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
