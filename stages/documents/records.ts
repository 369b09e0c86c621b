import { UserError } from '../../schemas/user-error.ts'
import { readBytes, wholeFile, type Reading } from './read-bytes.ts'
import type { Slice } from './unit.ts'

/** One record of an input file, not yet looked into. */
export interface RawRecord {
  /** Without the line break and without a byte order mark. */
  readonly bytes: Buffer
  /** Number in the file from 0. */
  readonly position: number
  /** Where it lies in the file's text, line break included. */
  readonly start: number
  readonly end: number
}

export type RecordBlocks = AsyncGenerator<readonly RawRecord[], void, undefined>

/** Bytes of the longest record: what a document may weigh on its way through memory. */
export const longestRecord = 100_000_000

const newline = 0x0a
const carriageReturn = 0x0d
const byteOrderMark = Buffer.from([0xef, 0xbb, 0xbf])

/**
 * The lines of a slice, in blocks of what one read gave; blank lines are left out but counted in positions.
 *
 * @throws UserError on a line longer than `longestRecord`, and as `readBytes` does.
 */
export async function* lineRecords({ path, start, end, firstRecord }: Slice, reading: Reading): RecordBlocks {
  let position = firstRecord
  let offset = start
  let unended: Buffer[] = []
  let unendedBytes = 0

  const split = (block: Buffer): RawRecord[] => {
    const records: RawRecord[] = []
    for (let from = 0; from < block.length;) {
      const found = block.indexOf(newline, from)
      const to = found < 0 ? block.length : found
      const next = found < 0 ? to : to + 1
      const line = block.subarray(from, to > from && block[to - 1] === carriageReturn ? to - 1 : to)
      const bytes = offset + from === 0 ? withoutMark(line) : line
      if (bytes.length > longestRecord) throw tooLong(path, position)
      if (!isBlank(bytes)) records.push({ bytes, position, start: offset + from, end: offset + next })
      position++
      from = next
    }
    offset += block.length
    return records
  }

  for await (const chunk of readBytes(path, { start, end }, reading)) {
    const ended = chunk.lastIndexOf(newline) + 1
    if (ended > 0) {
      const block = chunk.subarray(0, ended)
      const records = split(unendedBytes === 0 ? block : Buffer.concat([...unended, block]))
      if (records.length > 0) yield records
      unended = []
      unendedBytes = 0
    }
    if (ended < chunk.length) {
      unended.push(chunk.subarray(ended))
      unendedBytes += chunk.length - ended
    }
    if (unendedBytes > longestRecord + byteOrderMark.length) throw tooLong(path, position)
  }
  const last = split(Buffer.concat(unended))
  if (last.length > 0) yield last
}

/**
 * A whole file as its only record.
 *
 * @throws UserError where it is longer than `longestRecord`, and as `readBytes` does.
 */
export async function* fileRecord({ path }: Slice, reading: Reading): RecordBlocks {
  const chunks: Buffer[] = []
  let end = 0
  for await (const chunk of readBytes(path, wholeFile, reading)) {
    chunks.push(chunk)
    end += chunk.length
    if (end > longestRecord) {
      throw new UserError(
        `\`${path}\` is longer than ${megabytes} MB, too much for one document: cut it into files.`,
      )
    }
  }
  yield [{ bytes: withoutMark(Buffer.concat(chunks)), position: 0, start: 0, end }]
}

const megabytes = longestRecord / 1e6

function tooLong(path: string, position: number): UserError {
  return new UserError(
    `\`${path}\` has a line longer than ${megabytes} MB (line ${position + 1}): write one JSON object a line.`,
  )
}

function withoutMark(bytes: Buffer): Buffer {
  return bytes.subarray(0, 3).equals(byteOrderMark) ? bytes.subarray(3) : bytes
}

function isBlank(bytes: Buffer): boolean {
  for (const byte of bytes) {
    if (byte !== 0x20 && byte !== 0x09 && byte !== carriageReturn) return false
  }
  return true
}
