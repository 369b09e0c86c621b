import { readBytes, type Reading } from './read-bytes.ts'
import type { Slice } from './unit.ts'

/** What lies between two delimiters. */
export interface Piece {
  /** Without the delimiter and without a byte order mark; the beginning alone of a piece that is too long. */
  readonly bytes: Buffer
  /** Where it lies in the file's text, delimiter included. */
  readonly start: number
  readonly end: number
  readonly isTooLong: boolean
}

/** Bytes of the longest record: what a document may weigh on its way through memory. */
export const longestRecord = 128 << 20

/** What is kept of a longer one, to show it. */
export const shownBytes = 1 << 10

const byteOrderMark = Buffer.from([0xef, 0xbb, 0xbf])

/**
 * A slice's text, cut at every `delimiter`, in blocks of what one read gave. After the last delimiter there is
 * another piece if any byte is left. In memory are one read and the piece that has begun.
 *
 * @throws UserError as `readBytes` does.
 */
export async function* pieces(
  slice: Slice,
  delimiter: Buffer,
  reading: Reading,
): AsyncGenerator<readonly Piece[], void, undefined> {
  // What was read from `start` on: `held` has no delimiter in it, `seam` may have the beginning of one.
  let start = slice.start
  let held = new Held()
  let seam: Buffer = Buffer.alloc(0)
  const end = (bytes: Buffer, to: number): Piece => {
    const piece = { bytes: held.with(bytes), start, end: to, isTooLong: held.isTooLongWith(bytes) }
    held = new Held()
    start = to
    return piece.start === 0 ? { ...piece, bytes: withoutMark(piece.bytes) } : piece
  }

  for await (const chunk of readBytes(slice, slice, reading)) {
    const text = seam.length === 0 ? chunk : Buffer.concat([seam, chunk])
    const textStart = start + held.length
    const block: Piece[] = []
    let from = 0
    for (let found; (found = text.indexOf(delimiter, from)) >= 0; from = found + delimiter.length) {
      block.push(end(text.subarray(from, found), textStart + found + delimiter.length))
    }
    const seamAt = Math.max(from, text.length - delimiter.length + 1)
    if (seamAt > from) held.add(text.subarray(from, seamAt))
    seam = text.subarray(seamAt)
    if (block.length > 0) yield block
  }
  const textEnd = start + held.length + seam.length
  if (textEnd > start) yield [end(seam, textEnd)]
}

/** A whole file as its only piece. What follows after the longest that a piece may be is not read. */
export async function* onePiece(
  slice: Slice,
  reading: Reading,
): AsyncGenerator<readonly Piece[], void, undefined> {
  const held = new Held()
  const nothing = Buffer.alloc(0)
  for await (const chunk of readBytes(slice, { start: 0, end: Infinity }, reading)) {
    held.add(chunk)
    if (held.isTooLongWith(nothing)) break
  }
  yield [
    {
      bytes: withoutMark(held.with(nothing)),
      start: 0,
      end: held.length,
      isTooLong: held.isTooLongWith(nothing),
    },
  ]
}

/** The beginning of a piece that spans several reads. */
class Held {
  length = 0
  #parts: Buffer[] = []

  add(part: Buffer): void {
    if (this.isTooLongWith(part)) this.#parts = [this.#shown(part)]
    else this.#parts.push(part)
    this.length += part.length
  }

  isTooLongWith(part: Buffer): boolean {
    return this.length + part.length > longestRecord
  }

  /** The piece that ends with `part`, or its beginning where it is too long. */
  with(part: Buffer): Buffer {
    if (this.isTooLongWith(part)) return this.#shown(part)
    return this.#parts.length === 0 ? part : Buffer.concat([...this.#parts, part])
  }

  #shown(part: Buffer): Buffer {
    const parts = [...this.#parts.slice(0, shownBytes), part]
    // A copy, so that the rest is let go.
    return Buffer.concat(parts, Math.min(shownBytes, this.length + part.length))
  }
}

function withoutMark(bytes: Buffer): Buffer {
  return bytes.subarray(0, 3).equals(byteOrderMark) ? bytes.subarray(3) : bytes
}
