import { isUtf8 } from 'node:buffer'
import { UserError } from '../../../schemas/user-error.ts'
import { inputKinds, type InputKind } from '../input-kinds.ts'
import { longestRecord, shownBytes } from '../pieces.ts'
import type { Reading } from '../read-bytes.ts'
import type { ColumnOptions } from '../reader-options.ts'
import type { RecordFormat, Refusal } from '../record-format.ts'
import { tooLong, type RawRecord, type RecordBlocks } from '../records.ts'
import type { Slice } from '../unit.ts'
import type { Cell, Cells, Column, ColumnFile, OpenColumns } from './column-file.ts'

type ColumnNames = Pick<ColumnOptions, 'field' | 'id'>

/** Taken for ids where a file has such a column and the user names none. */
const usualId = 'id'

/** Files of columns: a row is a record, one column its text, and maybe another one its id. */
export function columnFormat(kind: InputKind, open: OpenColumns, options: ColumnNames): RecordFormat {
  return {
    extensions: inputKinds[kind].extensions,
    noun: 'row',
    async size(file, reading) {
      const columns = await open(file, reading)
      try {
        const { text, id } = choose(columns, file.source, options)
        return columns.bytesOf(text) + (id === undefined ? 0 : columns.bytesOf(id))
      } finally {
        await columns.close()
      }
    },
    records: (slice, reading) => rowRecords(slice, reading, open, options),
    parse: ({ bytes, id }) =>
      isUtf8(bytes)
        ? { text: bytes.toString(), ...(id !== undefined && { id }) }
        : { reason: 'not UTF-8', remedy: 'Write the file anew with text in UTF-8.' },
    id: (source, position) => `${source}:${position}`,
  }
}

async function* rowRecords(
  slice: Slice,
  reading: Reading,
  open: OpenColumns,
  options: ColumnNames,
): RecordBlocks {
  const file = await open(slice, reading)
  try {
    const { text, id } = choose(file, slice.source, options)
    const rows = { start: slice.start, end: Math.min(slice.end, file.rows) }
    const ids = id === undefined ? undefined : new CellQueue(file.cells(id, rows))
    let position = rows.start
    for await (const cells of file.cells(text, rows)) {
      reading.signal.throwIfAborted()
      const names = await ids?.take(cells.length)
      yield cells.map((cell, n) => record(cell, names?.[n], position + n, text))
      position += cells.length
    }
  } finally {
    await file.close()
  }
}

/** Cells taken in other numbers than the blocks they come in. */
class CellQueue {
  readonly #blocks: Cells
  #block: readonly Cell[] = []
  #taken = 0

  constructor(blocks: Cells) {
    this.#blocks = blocks
  }

  async take(count: number): Promise<readonly Cell[]> {
    const cells: Cell[] = []
    while (cells.length < count) {
      if (this.#taken === this.#block.length) {
        const next = await this.#blocks.next()
        if (next.done) break
        this.#block = next.value
        this.#taken = 0
      }
      const end = Math.min(this.#block.length, this.#taken + count - cells.length)
      while (this.#taken < end) cells.push(this.#block[this.#taken++])
    }
    return cells
  }
}

function record(cell: Cell, name: Cell, position: number, column: string): RawRecord {
  const place = { position, start: position, end: position + 1 }
  if (!(cell instanceof Uint8Array)) return { ...place, bytes: Buffer.alloc(0), refusal: isNull(column) }
  const bytes = Buffer.from(cell.buffer, cell.byteOffset, cell.byteLength)
  if (bytes.length > longestRecord) {
    return { ...place, bytes: bytes.subarray(0, shownBytes), refusal: tooLong('Cut it into several rows.') }
  }
  if (name === null || name === undefined) return { ...place, bytes }
  return { ...place, bytes, id: name instanceof Uint8Array ? Buffer.from(name).toString() : String(name) }
}

function isNull(column: string): Refusal {
  return { reason: `\`${column}\` is null`, remedy: 'Option `field` says which column holds the text.' }
}

/** @throws UserError where there is no such column or it holds something else. */
function choose({ columns }: ColumnFile, source: string, { field, id }: ColumnNames) {
  const named = (name: string, role: string): Column => {
    const column = columns.find((one) => one.name === name)
    if (column) return column
    const names = columns.map((one) => `\`${one.name}\` (${one.type})`).join(', ')
    throw new UserError(`\`${source}\` has no column \`${name}\`; it has ${names || 'none'}. ${role}`)
  }
  const textRole = 'Option `field` says which column holds the text.'
  const text = named(field, textRole)
  if (text.holds !== 'text')
    throw new UserError(`Column \`${field}\` of \`${source}\` holds ${text.type}, not text. ${textRole}`)
  if (id === undefined) {
    const usual = columns.find(({ name, holds }) => name === usualId && holds !== 'other')
    return { text: field, id: usual && field !== usualId ? usualId : undefined }
  }
  const idRole = 'Option `id` says which column holds ids.'
  const { holds, type } = named(id, idRole)
  if (holds === 'other')
    throw new UserError(
      `Column \`${id}\` of \`${source}\` holds ${type}, neither text nor whole numbers. ${idRole}`,
    )
  return { text: field, id }
}
