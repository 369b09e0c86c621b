import { Field, Float32, makeData, RecordBatch, Schema, Struct, Uint16, Uint32 } from 'apache-arrow'

/** What an order amounts to. */
export interface OrderReport {
  /** Its options, defaults included. */
  readonly options: Readonly<Record<string, unknown>>
  /** Tokens that the run predicts; the order holds at least one more, which is only ever an input. */
  readonly tokens: number
  /** Documents in the order, each as often as it occurs. */
  readonly documents: number
  /** Different ones among them. */
  readonly distinct: number
  /** Documents that the order could choose from. */
  readonly available: number
}

/** `[rows]` columns of `ordered` batches and of `order.arrow`: a row a document, in the order of training. */
export interface OrderColumns {
  /** Part of the shards. */
  readonly part: Uint32Array
  /** Row in the part. */
  readonly row: Uint32Array
  /** Tokens of the document, without the separator. */
  readonly tokens: Uint32Array
  /** Rank of the document's difficulty: 0 the easiest, 1 the hardest. */
  readonly hardness: Float32Array
  /** Phase of the curriculum, from 0. */
  readonly phase: Uint16Array
}

const shardsKey = 'gradus.shards'
const tokensKey = 'gradus.tokens'
const reportKey = 'gradus.order'

const types = {
  part: new Uint32(),
  row: new Uint32(),
  tokens: new Uint32(),
  hardness: new Float32(),
  phase: new Uint16(),
}

const fields = Object.entries(types).map(([name, type]) => new Field(name, type, false))

/**
 * The schema of an order's batches, all of which must be built from one such object.
 *
 * @param shards folder of the documents, for batches in flight; a file does not say where it lies.
 */
export function orderSchema(report: OrderReport, shards?: string): Schema {
  const metadata = new Map([
    [tokensKey, `${report.tokens}`],
    [reportKey, JSON.stringify(report)],
  ])
  return new Schema(fields, shards === undefined ? metadata : metadata.set(shardsKey, shards))
}

/** What the schema of an order's batches says of the whole order. */
export function orderReport(schema: Schema): OrderReport {
  const json = schema.metadata.get(reportKey)
  if (json === undefined) throw new Error(`The batches' schema has no \`${reportKey}\`.`)
  return JSON.parse(json) as OrderReport
}

/** A batch of columns of one length. */
export function orderBatch(schema: Schema, columns: OrderColumns): RecordBatch {
  const length = columns.part.length
  const children = [
    makeData({ type: types.part, length, nullCount: 0, data: columns.part }),
    makeData({ type: types.row, length, nullCount: 0, data: columns.row }),
    makeData({ type: types.tokens, length, nullCount: 0, data: columns.tokens }),
    makeData({ type: types.hardness, length, nullCount: 0, data: columns.hardness }),
    makeData({ type: types.phase, length, nullCount: 0, data: columns.phase }),
  ]
  return new RecordBatch(schema, makeData({ type: new Struct(fields), length, nullCount: 0, children }))
}

/** Views of a batch's columns; they share its memory. */
export function orderColumns(batch: RecordBatch): OrderColumns {
  const values = fields.map((_, index) => batch.data.children[index].values as Uint32Array)
  // A batch read from a file has values padded beyond its rows.
  const [part, row, tokens, hardness, phase] = values.map((column) =>
    column.subarray(0, batch.numRows),
  ) as unknown[]
  return { part, row, tokens, hardness, phase } as OrderColumns
}
