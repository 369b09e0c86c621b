import { DataType, type Int } from 'apache-arrow'
import { longestRecord } from '../pieces.ts'
import type { BatchColumn } from './arrow-buffers.ts'
import type { Cell, Cells, Rows } from './column-file.ts'

/** Rows whose offsets and validity are read at a time. */
const blockRows = 1024
/** Bytes of text read at a time, unless one text has more. */
const blockBytes = 1 << 20

/** What is read of a text: enough to tell that it is too long, where it is. */
const clipped = (length: number) => Math.min(length, longestRecord + 1)

/** The cells of a column of text or whole numbers within a batch. */
export function columnCells(column: BatchColumn, type: DataType, rows: Rows): Cells {
  if (DataType.isInt(type)) return numberCells(column, type, rows)
  return DataType.isUtf8View(type)
    ? viewCells(column, rows)
    : textCells(column, DataType.isLargeUtf8(type) ? 8 : 4, rows)
}

/** Whole numbers; those of 64 bits as bigint. Buffers: validity, values. */
export async function* numberCells(column: BatchColumn, { bitWidth, isSigned }: Int, rows: Rows): Cells {
  const size = bitWidth / 8
  for (const { start, end } of blocks(rows)) {
    const isValid = await validity(column, start, end)
    const values = await column.buffers[1](start * size, end * size)
    const cells: Cell[] = []
    for (let row = start; row < end; row++) {
      const at = (row - start) * size
      if (!isValid(row)) cells.push(null)
      else if (size === 8) cells.push(isSigned ? values.readBigInt64LE(at) : values.readBigUInt64LE(at))
      else cells.push(isSigned ? values.readIntLE(at, size) : values.readUIntLE(at, size))
    }
    yield cells
  }
}

/** Utf8 and LargeUtf8. Buffers: validity, offsets of 4 or 8 bytes, text. */
async function* textCells(column: BatchColumn, offsetBytes: 4 | 8, rows: Rows): Cells {
  const [, offsets, text] = column.buffers
  for (const { start, end } of blocks(rows)) {
    const isValid = await validity(column, start, end)
    const read = await offsets(start * offsetBytes, (end + 1) * offsetBytes)
    const offset = (row: number) => {
      const at = (row - start) * offsetBytes
      return offsetBytes === 4 ? read.readInt32LE(at) : Number(read.readBigInt64LE(at))
    }
    for (let first = start; first < end;) {
      const from = offset(first)
      let last = first + 1
      while (last < end && offset(last + 1) - from <= blockBytes) last++
      const bytes = await text(from, from + clipped(offset(last) - from))
      const cells: Cell[] = []
      for (let row = first; row < last; row++)
        cells.push(isValid(row) ? bytes.subarray(offset(row) - from, offset(row + 1) - from) : null)
      yield cells
      first = last
    }
  }
}

const viewBytes = 16
/** Shorter texts stand in the view itself. */
const inlineBytes = 12

/**
 * Utf8View. Buffers: validity, views, any number of text. A view is the text's length and, from byte 4 on, the text
 * itself or its first four bytes, the number of its buffer and the offset therein.
 */
async function* viewCells(column: BatchColumn, rows: Rows): Cells {
  const [, views, ...texts] = column.buffers
  for (const { start, end } of blocks(rows)) {
    const isValid = await validity(column, start, end)
    const read = await views(start * viewBytes, end * viewBytes)
    let cells: Cell[] = []
    let bytes = 0
    for (let row = start; row < end; row++) {
      const view = read.subarray((row - start) * viewBytes, (row - start + 1) * viewBytes)
      const length = view.readInt32LE(0)
      if (!isValid(row)) cells.push(null)
      else if (length <= inlineBytes) cells.push(view.subarray(4, 4 + length))
      else {
        const from = view.readInt32LE(12)
        cells.push(await texts[view.readInt32LE(8)](from, from + clipped(length)))
        bytes += length
      }
      if (bytes <= blockBytes) continue
      yield cells
      cells = []
      bytes = 0
    }
    yield cells
  }
}

function* blocks({ start, end }: Rows): Generator<Rows> {
  for (let from = start; from < end; from += blockRows)
    yield { start: from, end: Math.min(end, from + blockRows) }
}

/** Tells which rows from `start` to `end` are not null. */
async function validity(
  { hasNulls, buffers }: BatchColumn,
  start: number,
  end: number,
): Promise<(row: number) => boolean> {
  if (!hasNulls) return () => true
  const firstByte = start >> 3
  const bits = await buffers[0](firstByte, (end + 7) >> 3)
  return (row) => ((bits[(row >> 3) - firstByte] >> (row & 7)) & 1) === 1
}
