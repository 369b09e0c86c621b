import {
  parquetMetadataAsync,
  parquetSchema,
  type ColumnMetaData,
  type FileMetaData,
  type RowGroup,
  type SchemaTree,
} from 'hyparquet'
import { UserError } from '../../../schemas/user-error.ts'
import type { Reading } from '../read-bytes.ts'
import type { InputFile } from '../unit.ts'
import { damaged, LastRead, type Cells, type Column, type ColumnFile, type Rows } from './column-file.ts'
import { FileParts } from './file-parts.ts'
import { codecs, pageCells } from './parquet-pages.ts'

const magic = Buffer.from('PAR1')
const encryptedMagic = Buffer.from('PARE')
/** Magic number, length of the footer, magic number. */
const leastBytes = 12

const lastRead = new LastRead<FileMetaData>()

/** Opens a Parquet file. In memory are its footer and a page (about 1 MiB) of each column at a time. */
export async function openParquet(file: InputFile, reading: Reading): Promise<ColumnFile> {
  const parts = await FileParts.open(file)
  try {
    const metadata = await lastRead.get(reading.run, parts.state, () => readMetadata(parts))
    return new ParquetFile(parts, metadata, reading)
  } catch (error) {
    await parts.close()
    throw error
  }
}

async function readMetadata(parts: FileParts): Promise<FileMetaData> {
  const { source, size } = parts
  const first = await parts.bytes(0, Math.min(magic.length, size))
  const last = await parts.bytes(Math.max(0, size - magic.length), size)
  if (first.equals(encryptedMagic) || last.equals(encryptedMagic)) {
    throw new UserError(`\`${source}\` is an encrypted Parquet file: decrypt it first.`)
  }
  if (!first.equals(magic))
    throw new UserError(`\`${source}\` is no Parquet file: name what it is with --format.`)
  if (!last.equals(magic) || size < leastBytes) throw parts.truncated()
  const buffer = {
    byteLength: size,
    slice: async (start: number, end = size) => new Uint8Array(await parts.bytes(start, end)).buffer,
  }
  try {
    return await parquetMetadataAsync(buffer, { geoparquet: false })
  } catch (error) {
    throw damaged(source, 'Parquet', error)
  }
}

class ParquetFile implements ColumnFile {
  readonly rows: number
  readonly columns: readonly Column[]
  readonly #parts: FileParts
  readonly #groups: readonly RowGroup[]
  readonly #schema: SchemaTree
  readonly #reading: Reading

  constructor(parts: FileParts, metadata: FileMetaData, reading: Reading) {
    this.#parts = parts
    this.#reading = reading
    this.#groups = metadata.row_groups
    this.#schema = parquetSchema(metadata)
    this.columns = this.#schema.children.map(columnOf)
    this.rows = this.#groups.reduce((rows, group) => rows + Number(group.num_rows), 0)
  }

  bytesOf(column: string): number {
    return this.#groups.reduce(
      (bytes, group) => bytes + Number(this.#chunk(group, column).total_compressed_size),
      0,
    )
  }

  async *cells(column: string, { start, end }: Rows): Cells {
    const node = this.#schema.children.find(({ element }) => element.name === column)!
    let before = 0
    for (const group of this.#groups) {
      const rows = Number(group.num_rows)
      if (before + rows > start && before < end) {
        const within = { start: Math.max(0, start - before), end: Math.min(rows, end - before) }
        const chunk = this.#chunk(group, column)
        yield* pageCells(this.#parts, chunk, [this.#schema, node], within, this.#reading.onRead)
      }
      before += rows
    }
  }

  close(): Promise<void> {
    return this.#parts.close()
  }

  #chunk(group: RowGroup, column: string): ColumnMetaData {
    const { source } = this.#parts
    const chunk = group.columns.find(({ meta_data: data }) => data?.path_in_schema[0] === column)
    if (!chunk?.meta_data || chunk.file_path !== undefined) {
      throw new UserError(
        `\`${source}\` has its column \`${column}\` in another file, which is not looked for.`,
      )
    }
    const { codec } = chunk.meta_data
    if (codecs.has(codec)) return chunk.meta_data
    throw new UserError(
      `Column \`${column}\` of \`${source}\` is compressed with ${codec}: write it anew with snappy or zstd.`,
    )
  }
}

function columnOf({ element, children }: SchemaTree): Column {
  const { name, type = '', converted_type: converted, logical_type: logical } = element
  const kind = logical?.type ?? converted ?? ''
  const isFlat = children.length === 0 && element.repetition_type !== 'REPEATED'
  const isText = type === 'BYTE_ARRAY' && /^(STRING|UTF8|ENUM)?$/.test(kind)
  const isWhole = /^INT(32|64)$/.test(type) && /^(INTEGER|U?INT_\d+)?$/.test(kind)
  return {
    name,
    holds: !isFlat ? 'other' : isText ? 'text' : isWhole ? 'whole numbers' : 'other',
    type: (kind || type || 'group').toLowerCase(),
  }
}
