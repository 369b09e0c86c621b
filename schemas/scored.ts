import { Field, Float64, makeData, RecordBatch, Schema, Struct, Uint8, type Data } from 'apache-arrow'

/** A metric's column, as a schema describes it. */
export interface MetricColumn {
  readonly name: string
  readonly version: number
  readonly hardEnd: 'high' | 'low'
}

/** `[rows]` values of one metric. */
export interface MetricValues {
  readonly values: Float64Array
  /** Bits of `flags` in scoring/metric.ts. */
  readonly flags: Uint8Array
}

const versionKey = 'gradus.version'
const hardEndKey = 'gradus.hard-end'

/** Columns of the `scored` edge kind: those of `tokenized`, then a value and a flags column a metric. */
export function scoredSchema(tokenized: Schema, metrics: readonly MetricColumn[]): Schema {
  const columns = metrics.flatMap(({ name, version, hardEnd }) => [
    new Field(
      name,
      new Float64(),
      false,
      new Map([
        [versionKey, `${version}`],
        [hardEndKey, hardEnd],
      ]),
    ),
    new Field(flagsColumn(name), new Uint8(), false),
  ])
  return new Schema([...tokenized.fields, ...columns], tokenized.metadata)
}

/** A tokenized batch with its metrics, in the order of the schema that `scoredSchema` gave. */
export function scoredBatch(
  schema: Schema,
  tokenized: RecordBatch,
  metrics: readonly MetricValues[],
): RecordBatch {
  const length = tokenized.numRows
  const columns = metrics.flatMap(({ values, flags }): Data[] => [
    makeData({ type: new Float64(), length, nullCount: 0, data: values }),
    makeData({ type: new Uint8(), length, nullCount: 0, data: flags }),
  ])
  const children = [...tokenized.data.children, ...columns]
  return new RecordBatch(
    schema,
    makeData({ type: new Struct(schema.fields), length, nullCount: 0, children }),
  )
}

/** The metrics among a schema's columns, in the columns' order. */
export function metricColumns(schema: Schema): MetricColumn[] {
  return schema.fields
    .filter(({ metadata }) => metadata.has(hardEndKey))
    .map(({ name, metadata }) => ({
      name,
      version: Number(metadata.get(versionKey)),
      hardEnd: metadata.get(hardEndKey) as 'high' | 'low',
    }))
}

/** Views of one metric's columns in a `scored` or `scores` batch. Throws where the batch has no such metric. */
export function metricValues(batch: RecordBatch, name: string): MetricValues {
  const find = (column: string) => {
    const index = batch.schema.fields.findIndex((field) => field.name === column)
    if (index < 0) throw new Error(`The batch has no column \`${column}\`.`)
    return batch.data.children[index]
  }
  // A batch read from a file has values padded beyond its rows.
  return {
    values: (find(name).values as Float64Array).subarray(0, batch.numRows),
    flags: (find(flagsColumn(name)).values as Uint8Array).subarray(0, batch.numRows),
  }
}

export function flagsColumn(metric: string): string {
  return `${metric}:flags`
}
