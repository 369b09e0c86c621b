import type { FileHandle } from 'node:fs/promises'
import { crc32 } from 'node:zlib'

/**
 * A checksum over a whole Arrow file, kept inside it: behind the last batch and before the footer, where readers, which
 * find everything by the footer, never look. Ours read it first, so that a flipped bit is never another token or score,
 * not even in what the format leaves uncompressed.
 */
const mark = Buffer.from('gradus\0\x01', 'latin1')
/** The mark, the CRC-32 of all other bytes, and four zeros that keep the footer's alignment. */
const sealBytes = mark.length + 8
/** The footer's length, and `ARROW1`. */
const endBytes = 10
/** `ARROW1`, padded. */
const startBytes = 8
const blockBytes = 1 << 20

/** Adds a seal to a file's last bytes, from behind the last batch on. `crc` is that of the bytes before them. */
export function sealed(end: Buffer, crc: number): Buffer {
  const footer = end.length - endBytes - end.readInt32LE(end.length - endBytes)
  const seal = Buffer.alloc(sealBytes)
  mark.copy(seal)
  seal.writeUInt32LE(crc32(end, crc), mark.length)
  return Buffer.concat([end.subarray(0, footer), seal, end.subarray(footer)])
}

/**
 * Reads a whole file and holds it against its seal. Nothing is allocated by what the file says.
 * @returns where its footer lies. Throws where the file is cut or altered, or is not one of ours.
 */
export async function checkSeal(file: FileHandle): Promise<{ start: number; length: number }> {
  const { size } = await file.stat()
  if (size < startBytes + sealBytes + endBytes) throw new Error(`it has ${size} bytes`)
  const end = await readAt(file, size - endBytes, endBytes)
  const length = end.readInt32LE(0)
  const start = size - endBytes - length
  if (end.toString('latin1', 4) !== 'ARROW1' || length <= 0 || start < startBytes + sealBytes)
    throw new Error('its end is not that of an Arrow file')
  const sealStart = start - sealBytes
  const seal = await readAt(file, sealStart, sealBytes)
  if (!seal.subarray(0, mark.length).equals(mark)) throw new Error('it has no checksum')
  const crc = await crcOf(file, start, size, await crcOf(file, 0, sealStart, 0))
  if (crc !== seal.readUInt32LE(mark.length) || seal.readUInt32LE(mark.length + 4) !== 0)
    throw new Error('its checksum is another')
  return { start, length }
}

async function crcOf(file: FileHandle, from: number, to: number, crc: number): Promise<number> {
  const block = Buffer.allocUnsafe(Math.min(blockBytes, to - from))
  let sum = crc
  for (let at = from; at < to;) {
    const { bytesRead } = await file.read(block, 0, Math.min(block.length, to - at), at)
    if (bytesRead === 0) throw new Error('it became shorter while it was read')
    sum = crc32(block.subarray(0, bytesRead), sum)
    at += bytesRead
  }
  return sum
}

async function readAt(file: FileHandle, position: number, length: number): Promise<Buffer> {
  const buffer = Buffer.alloc(length)
  await file.read(buffer, 0, length, position)
  return buffer
}
