import { brotliDecompressSync, crc32, gunzipSync } from 'node:zlib'
import type { ColumnMetaData, DecodedArray, PageHeader, SchemaTree } from 'hyparquet'
import { parquetHeader, readPage } from 'hyparquet/src/column.js'
import { convert, DEFAULT_PARSERS } from 'hyparquet/src/convert.js'
import { Decompressor } from 'zstd-napi'
import { damaged, type Cell, type Cells, type Rows } from './column-file.ts'
import type { FileParts } from './file-parts.ts'
import { decompressLz4Block } from './lz4.ts'

/** What a page's header takes, unless it holds long statistics. */
const usualHeaderBytes = 256

const zstd = new Decompressor()
const compressors = {
  GZIP: (bytes: Uint8Array) => gunzipSync(bytes),
  BROTLI: (bytes: Uint8Array) => brotliDecompressSync(bytes),
  ZSTD: (bytes: Uint8Array) => zstd.decompress(bytes),
  LZ4_RAW: (bytes: Uint8Array, length: number) => {
    const output = new Uint8Array(length)
    return output.subarray(0, decompressLz4Block(bytes, output))
  },
}

/** Ways of compression that can be read. */
export const codecs: ReadonlySet<string> = new Set(['UNCOMPRESSED', 'SNAPPY', ...Object.keys(compressors)])

/** Text stays in UTF-8: decoding would replace what is not UTF-8 in silence. */
const parsers = { ...DEFAULT_PARSERS, stringFromBytes: (bytes: Uint8Array) => bytes as never }

/**
 * The cells of a column in one row group, a page at a time; `rows` counts from the group's first. Pages before them
 * are passed over. `schemaPath` is the column's, from the root.
 *
 * @throws UserError where the pages are damaged.
 */
export async function* pageCells(
  file: FileParts,
  chunk: ColumnMetaData,
  schemaPath: readonly SchemaTree[],
  rows: Rows,
  onRead?: (bytes: number) => void,
): Cells {
  const decoder = {
    pathInSchema: chunk.path_in_schema,
    type: chunk.type,
    element: schemaPath.at(-1)!.element,
    schemaPath: [...schemaPath],
    codec: chunk.codec,
    parsers,
    compressors,
  }
  const { data_page_offset: data, dictionary_page_offset: first } = chunk
  let at = Number(first !== undefined && first > 0n && first < data ? first : data)
  const end = at + Number(chunk.total_compressed_size)
  let dictionary: DecodedArray | undefined
  for (let row = 0; row < rows.end;) {
    if (at >= end) throw damaged(file.source, 'Parquet', new Error('rows are missing'))
    const { header, length } = await pageHeader(file, chunk, at, end)
    const pageAt = at + length
    at = pageAt + header.compressed_page_size
    onRead?.(length + header.compressed_page_size)
    const pageRows = header.data_page_header?.num_values ?? header.data_page_header_v2?.num_rows ?? 0
    const isDictionary = header.type === 'DICTIONARY_PAGE'
    if (isDictionary || row + pageRows > rows.start) {
      const bytes = await file.bytes(pageAt, at)
      try {
        if (header.crc !== undefined && crc32(bytes) !== header.crc >>> 0) throw new Error('wrong checksum')
        const reader = { view: viewOf(bytes), offset: 0 }
        const page = readPage(reader, header, decoder, dictionary, undefined, 0).data ?? []
        if (isDictionary) dictionary = convert(page, decoder)
        else yield page.slice(Math.max(0, rows.start - row), rows.end - row) as readonly Cell[]
      } catch (error) {
        throw damaged(file.source, 'Parquet', error)
      }
    }
    row += pageRows
  }
}

/** The header of the page at `at`, and its own length in bytes. */
async function pageHeader(
  file: FileParts,
  chunk: ColumnMetaData,
  at: number,
  end: number,
): Promise<{ header: PageHeader; length: number }> {
  for (let wanted = usualHeaderBytes; ; wanted *= 16) {
    const isAll = at + wanted >= end
    const reader = { view: viewOf(await file.bytes(at, isAll ? end : at + wanted)), offset: 0 }
    try {
      const header = parquetHeader(reader)
      assertFits(header, chunk)
      return { header, length: reader.offset }
    } catch (error) {
      // Unless this was all there is, the header may be longer than what was read.
      if (isAll) throw damaged(file.source, 'Parquet', error)
    }
  }
}

/** Room is made for what a header announces: it must not announce more than the column has. */
function assertFits(header: PageHeader, chunk: ColumnMetaData): void {
  const {
    compressed_page_size: stored,
    uncompressed_page_size: bytes,
    dictionary_page_header: dictionary,
  } = header
  const values = header.data_page_header?.num_values ?? header.data_page_header_v2?.num_values ?? 0
  const fits =
    stored >= 0 &&
    bytes >= 0 &&
    bytes <= chunk.total_uncompressed_size &&
    values >= 0 &&
    values <= chunk.num_values &&
    (dictionary?.num_values ?? 0) <= bytes
  if (!fits) throw new Error('a page that does not fit its column')
}

function viewOf(bytes: Buffer): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
