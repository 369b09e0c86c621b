import type { Chunks } from '../decompress.ts'
import type { ReadBuffer } from './file-parts.ts'

/**
 * LZ4, which Node cannot decompress: blocks (Parquet calls them LZ4_RAW) and frames (which Arrow uses). From the
 * formats' descriptions in the lz4 repository, doc/lz4_Block_format.md and doc/lz4_Frame_format.md.
 */

const leastMatch = 4
/** A length of which more follows in the next bytes. */
const longLength = 15
/** How far back a match may reach. */
const reach = 64 << 10
/** Bytes up to which a loop copies faster than a call. */
const shortCopy = 32

/**
 * Decompresses a block into `output` from `start` on and returns where it ended. Matches may reach back before
 * `start`, to what the blocks before have left there.
 *
 * @throws Error where the block is damaged or does not fit.
 */
export function decompressLz4Block(input: Uint8Array, output: Uint8Array, start = 0): number {
  let from = 0
  let to = start
  for (;;) {
    if (from >= input.length) throw damaged()
    const token = input[from++]

    let literals = token >> 4
    if (literals === longLength) {
      for (let more = 255; more === 255; literals += more) more = input[from++]
    }
    if (!(from + literals <= input.length && to + literals <= output.length)) throw damaged()
    if (literals > shortCopy) output.set(input.subarray(from, from + literals), to)
    else for (let n = 0; n < literals; n++) output[to + n] = input[from + n]
    from += literals
    to += literals
    // The last sequence has no match.
    if (from === input.length) return to

    const distance = input[from] | (input[from + 1] << 8)
    from += 2
    let matched = token & 0x0f
    if (matched === longLength) {
      for (let more = 255; more === 255; matched += more) more = input[from++]
    }
    matched += leastMatch
    if (distance === 0 || distance > to || !(to + matched <= output.length)) throw damaged()
    if (matched > shortCopy && distance >= matched)
      output.copyWithin(to, to - distance, to - distance + matched)
    // Where a match overlaps what it yields, it repeats.
    else for (let n = to; n < to + matched; n++) output[n] = output[n - distance]
    to += matched
  }
}

const magic = 0x184d2204
const isStored = 0x80000000

/**
 * The bytes of a frame, a block at a time. Checksums are not looked at.
 *
 * @throws Error where the frame is damaged.
 */
export async function* decompressLz4Frame(read: ReadBuffer): Chunks {
  const head = await read(0, 6)
  if (head.readUInt32LE(0) !== magic) throw damaged()
  const [flags, sizes] = [head[4], head[5]]
  const [hasBlockChecksums, hasSize, hasDictionary] = [flags & 0x10, flags & 0x08, flags & 0x01]
  if (hasDictionary) throw new Error('LZ4 with a dictionary')
  const longestBlock = 1 << (8 + 2 * ((sizes >> 4) & 7))
  let history: Buffer = Buffer.alloc(0)
  for (let at = head.length + (hasSize ? 8 : 0) + 1; ;) {
    const size = (await read(at, at + 4)).readUInt32LE(0)
    if (size === 0) return
    const end = at + 4 + (size & ~isStored)
    const block = await read(at + 4, end)
    const output = Buffer.allocUnsafeSlow(history.length + longestBlock)
    history.copy(output)
    const to =
      (size & isStored) === 0
        ? decompressLz4Block(block, output, history.length)
        : history.length + block.copy(output, history.length)
    yield output.subarray(history.length, to)
    history = output.subarray(Math.max(0, to - reach), to)
    at = end + (hasBlockChecksums ? 4 : 0)
  }
}

function damaged(): Error {
  return new Error('damaged LZ4 data')
}
