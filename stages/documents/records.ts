import type { Refusal } from './record-format.ts'
import { longestRecord, onePiece, pieces, type Piece } from './pieces.ts'
import type { Reading } from './read-bytes.ts'
import type { Slice } from './unit.ts'

/** One record of an input file, not yet looked into. */
export interface RawRecord {
  /** What its hash is of; the beginning alone where it is refused as too long. */
  readonly bytes: Buffer
  /** Number in the file from 0. */
  readonly position: number
  /** Where it lies in the file, as slices count. */
  readonly start: number
  readonly end: number
  /** Where a file keeps ids apart from `bytes`; part of the hash too. */
  readonly id?: string | undefined
  /** Why it holds no document, where that is known already. */
  readonly refusal?: Refusal | undefined
}

export type RecordBlocks = AsyncGenerator<readonly RawRecord[], void, undefined>

const newline = Buffer.from('\n')
const carriageReturn = 0x0d

/**
 * The lines of a slice without their line breaks, in blocks of what one read gave; blank lines are left out but
 * counted in positions.
 *
 * @throws UserError as `readBytes` does.
 */
export async function* lineRecords(slice: Slice, reading: Reading): RecordBlocks {
  let position = slice.firstRecord
  for await (const block of pieces(slice, newline, reading)) {
    const records: RawRecord[] = []
    for (const piece of block) {
      const bytes = piece.bytes.at(-1) === carriageReturn ? piece.bytes.subarray(0, -1) : piece.bytes
      if (!isBlank(bytes)) records.push(record(piece, bytes, position, 'Write one JSON object a line.'))
      position++
    }
    if (records.length > 0) yield records
  }
}

/**
 * What lies between separators, without white space at its ends, in blocks of what one read gave. What is white
 * space alone is left out and not counted.
 *
 * @throws UserError as `readBytes` does.
 */
export function separatedRecords(separator: string) {
  const delimiter = Buffer.from(separator)
  const remedy = 'Check that option `separator` is what stands between documents.'
  return async function* (slice: Slice, reading: Reading): RecordBlocks {
    let position = slice.firstRecord
    for await (const block of pieces(slice, delimiter, reading)) {
      const records: RawRecord[] = []
      for (const piece of block) {
        const bytes = trimmed(piece.bytes)
        if (bytes.length > 0) records.push(record(piece, bytes, position++, remedy))
      }
      if (records.length > 0) yield records
    }
  }
}

/**
 * A whole file as its only record.
 *
 * @throws UserError as `readBytes` does.
 */
export async function* fileRecord(slice: Slice, reading: Reading): RecordBlocks {
  const remedy = 'Cut it into files, or name a `separator` that stands between documents.'
  for await (const block of onePiece(slice, reading)) {
    yield block.map((piece) => record(piece, piece.bytes, 0, remedy))
  }
}

/** Why a record of more than `longestRecord` bytes is refused. */
export function tooLong(remedy: string): Refusal {
  return { reason: `longer than ${longestRecord >> 20} MiB`, remedy }
}

function record(
  { start, end, isTooLong }: Piece,
  bytes: Buffer,
  position: number,
  remedy: string,
): RawRecord {
  return { bytes, position, start, end, ...(isTooLong && { refusal: tooLong(remedy) }) }
}

function isBlank(bytes: Buffer): boolean {
  for (const byte of bytes) {
    if (byte !== 0x20 && byte !== 0x09 && byte !== carriageReturn) return false
  }
  return true
}

/** Without the white space that `String.trim` takes, so that documents are the same as those of stage `split`. */
function trimmed(bytes: Buffer): Buffer {
  let [start, end] = [0, bytes.length]
  for (let next; start < end && isSpace(bytes, start, (next = characterEnd(bytes, start))); start = next);
  for (let last; start < end && isSpace(bytes, (last = characterStart(bytes, end)), end); end = last);
  return bytes.subarray(start, end)
}

function isSpace(bytes: Buffer, from: number, to: number): boolean {
  const byte = bytes[from]
  if (byte < 0x80) return byte === 0x20 || (byte >= 0x09 && byte <= 0x0d)
  return bytes.toString('utf8', from, to).trim() === ''
}

function characterEnd(bytes: Buffer, from: number): number {
  let to = from + 1
  while (to < bytes.length && isContinuation(bytes[to])) to++
  return to
}

function characterStart(bytes: Buffer, to: number): number {
  let from = to - 1
  while (from > 0 && isContinuation(bytes[from])) from--
  return from
}

function isContinuation(byte: number): boolean {
  return (byte & 0xc0) === 0x80
}
