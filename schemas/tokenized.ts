import { Field, List, makeData, RecordBatch, Schema, Struct, Uint16, Uint32, type Data } from 'apache-arrow'
import { documentsSchema } from './documents.ts'

/** What a consumer of token ids has to know of the tokenizer that made them. */
export interface TokenizerFacts {
  /** Of tokenizer.json, in hex. */
  readonly sha256: string
  /** Ids are below this. */
  readonly vocabulary: number
}

/** Token ids of `[rows]` documents: row r has `values[offsets[r], offsets[r + 1])`. */
export interface TokenLists {
  /** `[rows + 1]` */
  readonly offsets: Int32Array
  readonly values: TokenIds
}

export type TokenIds = Uint16Array | Uint32Array

const metadataKey = 'gradus.tokenizer'

/** Columns of the `tokenized` edge kind; ids take two bytes where the vocabulary allows it. */
export function tokenizedSchema(tokenizer: TokenizerFacts & { readonly path: string }): Schema {
  const fields = [...documentsSchema.fields, new Field('tokens', tokensType(tokenizer.vocabulary), false)]
  return new Schema(fields, new Map([[metadataKey, JSON.stringify(tokenizer)]]))
}

/** An empty array of the ids' width. */
export function tokenIds(vocabulary: number, length: number): TokenIds {
  return vocabulary <= 0x10000 ? new Uint16Array(length) : new Uint32Array(length)
}

/** The documents of a batch with their token ids. `schema` comes from `tokenizedSchema`, one object for all batches. */
export function tokenizedBatch(
  schema: Schema,
  documents: RecordBatch,
  { offsets, values }: TokenLists,
): RecordBatch {
  const { type } = schema.fields[documentsSchema.fields.length] as Field<TokensType>
  const itemType = type.children[0].type
  // The types take ids of two bytes for granted.
  const data = values as Uint16Array
  const items = makeData({ type: itemType, length: values.length, nullCount: 0, data })
  const length = documents.numRows
  const tokens = makeData({ type, length, nullCount: 0, valueOffsets: offsets, child: items })
  const children = [...documents.data.children.slice(0, documentsSchema.fields.length), tokens]
  return new RecordBatch(
    schema,
    makeData({ type: new Struct(schema.fields), length, nullCount: 0, children }),
  )
}

/** Views of the `tokens` column, of a batch in flight or one that was read from a shard. */
export function tokenLists(batch: RecordBatch): TokenLists {
  const index = batch.schema.fields.findIndex(({ name }) => name === 'tokens')
  const column = batch.data.children[index] as Data<TokensType>
  const offsets = (column.valueOffsets as Int32Array).subarray(0, batch.numRows + 1)
  const values = column.children[0].values as TokenIds
  // A batch read from a file has values padded beyond its rows.
  return { offsets, values: values.subarray(0, offsets[batch.numRows]) }
}

/** What the schema of tokenized or scored batches says of the tokenizer; the path is known in flight alone. */
export function tokenizerOf(schema: Schema): TokenizerFacts & { readonly path?: string } {
  const json = schema.metadata.get(metadataKey)
  if (json === undefined) throw new Error(`The batches' schema has no \`${metadataKey}\`.`)
  return JSON.parse(json) as TokenizerFacts & { path?: string }
}

/** The metadata that names a tokenizer in a shard's file, where no path belongs. */
export function tokenizerMetadata({ sha256, vocabulary }: TokenizerFacts): [string, string] {
  return [metadataKey, JSON.stringify({ sha256, vocabulary })]
}

type TokensType = List<Uint16>

function tokensType(vocabulary: number): TokensType {
  const item = vocabulary <= 0x10000 ? new Uint16() : new Uint32()
  return new List(new Field('item', item as Uint16, false))
}
