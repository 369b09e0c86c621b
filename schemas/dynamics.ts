import {
  Field,
  Float64,
  makeData,
  RecordBatch,
  Schema,
  Struct,
  Uint32,
  Uint64,
  type Data,
} from 'apache-arrow'

/** `[rows]` columns of a run's `dynamics.arrow`: a row for each time that a document was read, in that order. */
export interface DynamicsColumns {
  /** Of the document's text: the same document in any shards. */
  readonly hash: BigUint64Array
  /** How often the document had been read before. */
  readonly epoch: Uint32Array
  /** Targets of the document, its separator among them. */
  readonly tokens: Uint32Array
  /** Mean cross-entropy of these, in nats. */
  readonly loss: Float64Array
  /** Mean probability of these. */
  readonly probability: Float64Array
  /** Share of these with a probability above one half, and so the model's first choice for certain. */
  readonly correct: Float64Array
  /** Mean of the largest probability of the predictions, where it was recorded. */
  readonly largest?: Float64Array
  /**
   * Mean norm of the gradient by the document's embedded inputs, where it was recorded; NaN where backward came to none
   * of them.
   */
  readonly gradient?: Float64Array
}

export const dynamicsFile = 'dynamics.arrow'

const types = {
  hash: new Uint64(),
  epoch: new Uint32(),
  tokens: new Uint32(),
  loss: new Float64(),
  probability: new Float64(),
  correct: new Float64(),
  largest: new Float64(),
  gradient: new Float64(),
}

type Name = keyof typeof types

/** Of a file with these columns. */
export function dynamicsSchema(columns: DynamicsColumns): Schema {
  const names = (Object.keys(types) as Name[]).filter((name) => columns[name])
  return new Schema(names.map((name) => new Field(name, types[name], false)))
}

/** A batch of columns of one length. */
export function dynamicsBatch(columns: DynamicsColumns): RecordBatch {
  const { length } = columns.hash
  const schema = dynamicsSchema(columns)
  const children = schema.fields.map(({ name }): Data =>
    makeData({ type: types[name as Name], length, nullCount: 0, data: columns[name as Name] } as never),
  )
  const type = new Struct(schema.fields)
  return new RecordBatch(schema, makeData({ type, length, nullCount: 0, children }))
}

/** Views of a batch's columns; they share its memory. */
export function dynamicsColumns(batch: RecordBatch): DynamicsColumns {
  // A batch read from a file has values padded beyond its rows.
  const views = batch.schema.fields.map(({ name }, index) => [
    name,
    (batch.data.children[index].values as Uint32Array).subarray(0, batch.numRows),
  ])
  return Object.fromEntries(views) as DynamicsColumns
}
