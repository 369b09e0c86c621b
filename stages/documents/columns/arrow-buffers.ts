import { CompressionType, DataType, Type, UnionMode, type Field } from 'apache-arrow'
import { decompress, type Chunks } from '../decompress.ts'
import type { BatchHeader, Block } from './arrow-messages.ts'
import type { FileParts, ReadBuffer } from './file-parts.ts'
import { decompressLz4Frame } from './lz4.ts'

/** Where a column's own parts start in the lists of a batch's header. */
interface Place {
  node: number
  buffer: number
  variadic: number
}

/** A column in a batch. */
export interface BatchColumn {
  readonly hasNulls: boolean
  /** Bytes that its buffers take in the file. */
  readonly bytes: number
  /** Its buffers: validity, then what the type has. */
  readonly buffers: readonly ReadBuffer[]
}

/** Small, since one chunk may decompress to a thousand times its size. */
const compressedChunk = 128 << 10
const lengthBytes = 8

const nothing = Buffer.alloc(0)

const withOffsets = new Set([Type.Utf8, Type.LargeUtf8, Type.Binary, Type.LargeBinary])

/** Finds the buffers of the column at `index` of `fields`, and reads them when asked. */
export function batchColumn(
  file: FileParts,
  { header, bodyAt }: Block,
  fields: readonly Field[],
  index: number,
): BatchColumn {
  const place = { node: 0, buffer: 0, variadic: 0 }
  for (const field of fields.slice(0, index)) pass(field.type as DataType, header, place)
  const { node, buffer } = place
  pass(fields[index].type as DataType, header, place)
  const regions = header.buffers.slice(buffer, place.buffer)
  return {
    hasNulls: header.nodes[node].nullCount > 0,
    bytes: regions.reduce((bytes, { length }) => bytes + length, 0),
    buffers: regions.map(({ offset, length }) => {
      const start = bodyAt + offset
      if (length === 0) return () => Promise.resolve(nothing)
      const part = partOf(file, start, start + length)
      return header.compression ? compressedPart(part, length, header.compression.type) : part
    }),
  }
}

/** Moves `place` past a column and all that is in it. */
function pass(type: DataType, header: BatchHeader, place: Place): void {
  place.node++
  place.buffer += ownBuffers(type)
  if (DataType.isUtf8View(type) || DataType.isBinaryView(type))
    place.buffer += header.variadicBufferCounts[place.variadic++]
  // A dictionary's values are elsewhere.
  if (DataType.isDictionary(type)) return
  for (const child of (type.children as readonly Field[] | undefined) ?? [])
    pass(child.type as DataType, header, place)
}

/** Buffers of a column itself; from the columnar format's table of buffer layouts. */
function ownBuffers(type: DataType): number {
  if (DataType.isNull(type)) return 0
  if (DataType.isStruct(type) || DataType.isFixedSizeList(type)) return 1
  if (DataType.isUnion(type)) return type.mode === UnionMode.Sparse ? 1 : 2
  return withOffsets.has(type.typeId) ? 3 : 2
}

/** Part of a file as a buffer of its own. */
function partOf(file: FileParts, start: number, end: number): ReadBuffer {
  return (from, to) => {
    if (start + to > end) throw beyond()
    return file.bytes(start + from, start + to)
  }
}

/**
 * A compressed buffer: the length of its content (or -1 where it was not worth compressing), then the content. It is
 * decompressed as it is read, and again from its beginning for what lies before what was read last: in memory is no
 * more than what is asked for.
 */
function compressedPart(stored: ReadBuffer, storedBytes: number, compression: CompressionType): ReadBuffer {
  let length: bigint | undefined
  let chunks: Chunks | undefined
  let held: Buffer = nothing
  let heldAt = 0
  return async (from, to) => {
    length ??= (await stored(0, lengthBytes)).readBigInt64LE(0)
    if (length === -1n) return stored(lengthBytes + from, lengthBytes + to)
    if (!chunks || from < heldAt) {
      chunks = decompressed(stored, storedBytes, compression)
      held = nothing
      heldAt = 0
    }
    const parts = [held]
    for (let heldTo = heldAt + held.length; heldTo < to;) {
      const next = await chunks.next()
      if (next.done) throw beyond()
      parts.push(next.value)
      heldTo += next.value.length
      while (heldAt + parts[0].length <= from && parts.length > 1) heldAt += parts.shift()!.length
    }
    // What lies before `from` is let go.
    parts[0] = parts[0].subarray(from - heldAt)
    heldAt = from
    held = parts.length === 1 ? parts[0] : Buffer.concat(parts)
    return held.subarray(0, to - from)
  }
}

function decompressed(stored: ReadBuffer, storedBytes: number, compression: CompressionType): Chunks {
  if (compression === CompressionType.LZ4_FRAME)
    return decompressLz4Frame((from, to) => stored(lengthBytes + from, lengthBytes + to))
  return decompress.zstd(
    (async function* () {
      for (let at = lengthBytes; at < storedBytes; at += compressedChunk)
        yield await stored(at, Math.min(storedBytes, at + compressedChunk))
    })(),
  )
}

function beyond(): Error {
  return new Error('a value beyond its buffer')
}
