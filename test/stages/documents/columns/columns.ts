import {
  Dictionary,
  Int32,
  LargeUtf8,
  Table as ArrowTable,
  tableToIPC,
  Utf8,
  vectorFromArray,
  type DataType,
  type Vector,
} from 'apache-arrow'
import { Compression, Table, writeParquet, WriterPropertiesBuilder, WriterVersion } from 'parquet-wasm'

export type Columns = Record<string, Vector>

export const text = (values: readonly (string | null)[], type: DataType = new Utf8()) =>
  vectorFromArray(values, type) as Vector<Utf8>

export const utf8 = () => new Utf8()
export const largeUtf8 = () => new LargeUtf8()
export const dictionary = () => new Dictionary(new Utf8(), new Int32())

export interface ParquetLayout {
  readonly compression?: keyof typeof Compression
  readonly version?: keyof typeof WriterVersion
  readonly rowsInGroup?: number
  readonly pageBytes?: number
  readonly hasDictionary?: boolean
}

/** A Parquet file as the Rust implementation of Arrow and Parquet writes it. */
export function parquet(columns: Columns, layout: ParquetLayout = {}): Uint8Array {
  const { compression = 'SNAPPY', version = 'V1', rowsInGroup, pageBytes, hasDictionary } = layout
  let properties = new WriterPropertiesBuilder()
    .setCompression(Compression[compression])
    .setWriterVersion(WriterVersion[version])
  if (rowsInGroup !== undefined) properties = properties.setMaxRowGroupSize(rowsInGroup)
  if (hasDictionary !== undefined) properties = properties.setDictionaryEnabled(hasDictionary)
  // A page ends where a batch of values does.
  if (pageBytes !== undefined) properties = properties.setDataPageSizeLimit(pageBytes).setWriteBatchSize(10)
  return writeParquet(Table.fromIPCStream(tableToIPC(new ArrowTable(columns), 'stream')), properties.build())
}

/** A stream of Arrow messages as the Rust implementation writes it. */
export function rustStream(columns: Columns): Uint8Array {
  return Table.fromIPCStream(tableToIPC(new ArrowTable(columns), 'stream')).intoIPCStream()
}

/** Batches of `rows` rows each, as apache-arrow writes them: a file with a footer, or a stream of messages. */
export function arrow(columns: Columns, kind: 'file' | 'stream', rows = Infinity): Uint8Array {
  const table = new ArrowTable(columns)
  const { numRows } = table
  const parts: ArrowTable[] = []
  for (let from = 0; from < numRows; from += rows)
    parts.push(table.slice(from, Math.min(numRows, from + rows)))
  const batches = parts.flatMap((part) => part.batches)
  return tableToIPC(batches.length > 0 ? new ArrowTable(table.schema, batches) : table, kind)
}
