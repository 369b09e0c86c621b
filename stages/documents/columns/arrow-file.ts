import { DataType, Field, Type, type Dictionary } from 'apache-arrow'
import type { Reading } from '../read-bytes.ts'
import type { InputFile } from '../unit.ts'
import { batchColumn } from './arrow-buffers.ts'
import { columnCells, numberCells } from './arrow-cells.ts'
import { readContents, type ArrowContents } from './arrow-messages.ts'
import {
  damaged,
  LastRead,
  type Cell,
  type Cells,
  type Column,
  type ColumnFile,
  type Rows,
} from './column-file.ts'
import { FileParts } from './file-parts.ts'

const lastRead = new LastRead<ArrowContents>()

/**
 * Opens an Arrow file or stream. In memory are the places of its batches, dictionaries, and about 1 MiB of text at a
 * time; of a batch that is compressed, the buffers of the columns that are read.
 */
export async function openArrow(file: InputFile, reading: Reading): Promise<ColumnFile> {
  const parts = await FileParts.open(file)
  try {
    const contents = await lastRead.get(reading.run, parts.state, () => readContents(parts))
    return new ArrowFile(parts, contents, reading)
  } catch (error) {
    await parts.close()
    throw error
  }
}

class ArrowFile implements ColumnFile {
  readonly rows: number
  readonly columns: readonly Column[]
  readonly #parts: FileParts
  readonly #contents: ArrowContents
  readonly #reading: Reading
  readonly #dictionaries = new Map<number, { readonly blocks: number; readonly values: readonly Cell[] }>()

  constructor(parts: FileParts, contents: ArrowContents, reading: Reading) {
    this.#parts = parts
    this.#contents = contents
    this.#reading = reading
    const last = contents.batches.at(-1)
    this.rows = last ? last.rowsBefore + last.header.length : 0
    this.columns = contents.schema.fields.map(columnOf)
  }

  bytesOf(column: string): number {
    const { batches, schema } = this.#contents
    const index = this.#indexOf(column)
    try {
      return batches.reduce(
        (bytes, batch) => bytes + batchColumn(this.#parts, batch, schema.fields, index).bytes,
        0,
      )
    } catch (error) {
      throw damaged(this.#parts.source, 'Arrow', error)
    }
  }

  async *cells(column: string, { start, end }: Rows): Cells {
    const { batches, schema } = this.#contents
    const index = this.#indexOf(column)
    const type = schema.fields[index].type as DataType | Dictionary<DataType>
    try {
      for (const [number, batch] of batches.entries()) {
        const { rowsBefore, header } = batch
        if (rowsBefore + header.length <= start || rowsBefore >= end) continue
        const rows = {
          start: Math.max(0, start - rowsBefore),
          end: Math.min(header.length, end - rowsBefore),
        }
        const found = batchColumn(this.#parts, batch, schema.fields, index)
        if (DataType.isDictionary(type)) {
          const values = await this.#dictionary(type, number)
          for await (const indices of numberCells(found, type.indices, rows))
            yield indices.map((value) => (value === null ? null : values[Number(value)]))
        } else yield* columnCells(found, type, rows)
        this.#reading.onRead?.(found.bytes)
      }
    } catch (error) {
      throw damaged(this.#parts.source, 'Arrow', error)
    }
  }

  close(): Promise<void> {
    return this.#parts.close()
  }

  /** The values of a dictionary as they are in batch number `batch`. */
  async #dictionary({ id, dictionary }: Dictionary<DataType>, batch: number): Promise<readonly Cell[]> {
    const before = this.#contents.dictionaries.filter((one) => one.id === id && one.firstBatch <= batch)
    const known = this.#dictionaries.get(id)
    if (known?.blocks === before.length) return known.values
    const values: Cell[] = []
    for (const block of before.slice(
      Math.max(
        0,
        before.findLastIndex(({ isDelta }) => !isDelta),
      ),
    )) {
      const column = batchColumn(this.#parts, block, [new Field('values', dictionary)], 0)
      const rows = { start: 0, end: block.header.length }
      for await (const cells of columnCells(column, dictionary, rows)) values.push(...cells)
    }
    this.#dictionaries.set(id, { blocks: before.length, values })
    return values
  }

  #indexOf(column: string): number {
    return this.#contents.schema.fields.findIndex(({ name }) => name === column)
  }
}

const textTypes = new Set([Type.Utf8, Type.LargeUtf8, Type.Utf8View])

function columnOf({ name, type }: Field<DataType>): Column {
  const values = DataType.isDictionary(type) ? (type.dictionary as DataType) : type
  const isText = textTypes.has(values.typeId)
  return {
    name,
    holds: isText ? 'text' : DataType.isInt(type) ? 'whole numbers' : 'other',
    type: Type[type.typeId].toLowerCase(),
  }
}
