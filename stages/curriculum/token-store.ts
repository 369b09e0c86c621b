import { closeSync, existsSync, openSync, readSync } from 'node:fs'
import { type FileHandle, open, stat } from 'node:fs/promises'
import { basename } from 'node:path'
import { crc32 } from 'node:zlib'
import { type TokenIds, tokenIds, type TokenLists } from '../../schemas/tokenized.ts'
import { UserError } from '../../schemas/user-error.ts'
import type { DerivedFileState } from '../derived-file.ts'
import { replaceFile } from '../replace-file.ts'
import { sharedPartial } from '../shared-partials.ts'
import { blockBytes, BlockChecksums } from './block-checksums.ts'

/** Tokens read at a time where all of them are. */
const stretch = 1 << 16

/** Tokens in a store that are not those that were written. */
export class DamagedTokens extends UserError {
  constructor(path: string) {
    super(`\`${path}\` is damaged: the next run makes it anew.`)
  }
}

/** What a token store holds. */
export interface TokenStoreFacts {
  readonly documents: number
  /** Tokens of all documents, without separators. */
  readonly tokens: number
  /** Ids are below this; it decides their width. */
  readonly vocabulary: number
}

/**
 * Writes documents' tokens uncompressed, each document followed by a separator, and behind them all each document's
 * length (uint32). The file is flat and little-endian: any document is a single read, at a place that is known. At its
 * end are checksums (uint32): of each block of tokens, and one of the file's name, the lengths and those checksums.
 */
export async function writeTokenStore(
  path: string,
  facts: TokenStoreFacts,
  separator: number,
  lists: AsyncIterable<TokenLists>,
): Promise<void> {
  const lengths = new Uint32Array(facts.documents)
  let documents = 0
  const blocks = new BlockChecksums()
  const write = async (file: FileHandle) => {
    for await (const list of lists) {
      const flat = separated(list, separator, facts.vocabulary)
      blocks.update(bytesOf(flat))
      await writeAll(file, flat)
      for (let row = 0; row + 1 < list.offsets.length; row++) {
        lengths[documents++] = list.offsets[row + 1] - list.offsets[row] + 1
      }
    }
    const checksums = blocks.finish()
    await writeAll(file, lengths)
    await writeAll(file, checksums)
    await writeAll(file, Uint32Array.of(endChecksum(path, lengths, checksums)))
  }
  // Several runs may start on the same shards at once.
  await replaceFile(path, write, `${sharedPartial(path)}.partial`)
}

/** Random access to the tokens of a corpus. The caller closes it. */
export interface TokenStore {
  readonly vocabulary: number
  /** `[documents + 1]` where each document begins, counted in tokens and separators; the last entry is the end. */
  readonly starts: Float64Array
  /**
   * Fills `into` with the tokens from `start`. Synchronous: from the system's file cache a read takes about 1 µs.
   * @throws DamagedTokens where they are not those that were written.
   */
  read(start: number, into: Int32Array): void
  close(): void
}

/** Opens what `writeTokenStore` wrote; undefined where there is none, or one that does not hold what it should. */
export async function openTokenStore(path: string, facts: TokenStoreFacts): Promise<TokenStore | undefined> {
  const { documents, tokens, vocabulary } = facts
  const width = tokenIds(vocabulary, 0).BYTES_PER_ELEMENT
  const tokenBytes = (tokens + documents) * width
  const size = await stat(path).then(
    ({ size }) => size,
    () => undefined,
  )
  const blocks = Math.ceil(tokenBytes / blockBytes)
  if (size !== tokenBytes + 4 * (documents + blocks + 1)) return undefined
  const numbers = await readNumbers(path, documents + blocks + 1, tokenBytes)
  const [lengths, checksums] = [numbers.subarray(0, documents), numbers.subarray(documents, -1)]
  if (numbers[documents + blocks] !== endChecksum(path, lengths, checksums)) return undefined
  const starts = startsOf(lengths)
  const file = openSync(path, 'r')
  let buffer = tokenIds(vocabulary, 4096)
  const isChecked = new Uint8Array(blocks)
  const block = Buffer.allocUnsafe(blockBytes)
  const check = (from: number, to: number) => {
    for (let at = Math.floor(from / blockBytes); at * blockBytes < to; at++) {
      if (isChecked[at] === 1) continue
      const length = Math.min(blockBytes, tokenBytes - at * blockBytes)
      const read = readSync(file, block, 0, length, at * blockBytes)
      if (read !== length || crc32(block.subarray(0, length)) !== checksums[at]) throw new DamagedTokens(path)
      isChecked[at] = 1
    }
  }
  return {
    vocabulary,
    starts,
    read(start, into) {
      if (buffer.length < into.length) buffer = tokenIds(vocabulary, into.length)
      check(start * width, (start + into.length) * width)
      const read = readSync(file, buffer, 0, into.length * width, start * width)
      if (read !== into.length * width) throw new Error(`\`${path}\` ended at token ${start + read / width}.`)
      into.set(buffer.subarray(0, into.length))
    },
    close: () => closeSync(file),
  }
}

/** What there is of a token store, which is read to the last byte. */
export async function stateOfTokenStore(path: string, facts: TokenStoreFacts): Promise<DerivedFileState> {
  if (!existsSync(path)) return 'missing'
  const store = await openTokenStore(path, facts)
  if (!store) return 'damaged'
  try {
    const end = store.starts[facts.documents]
    for (let at = 0; at < end; at += stretch) store.read(at, new Int32Array(Math.min(stretch, end - at)))
    return 'whole'
  } catch (error) {
    if (error instanceof DamagedTokens) return 'damaged'
    throw error
  } finally {
    store.close()
  }
}

function separated({ offsets, values }: TokenLists, separator: number, vocabulary: number): TokenIds {
  const rows = offsets.length - 1
  const flat = tokenIds(vocabulary, offsets[rows] - offsets[0] + rows)
  let filled = 0
  for (let row = 0; row < rows; row++) {
    flat.set(values.subarray(offsets[row], offsets[row + 1]), filled)
    filled += offsets[row + 1] - offsets[row]
    flat[filled++] = separator
  }
  return flat
}

/** A single write may take less than it is given. */
async function writeAll(file: FileHandle, { buffer, byteOffset, byteLength }: TokenIds): Promise<void> {
  for (let done = 0; done < byteLength;) {
    done += (await file.write(new Uint8Array(buffer, byteOffset + done, byteLength - done))).bytesWritten
  }
}

async function readNumbers(path: string, count: number, position: number): Promise<Uint32Array> {
  const numbers = new Uint32Array(count)
  const bytes = new Uint8Array(numbers.buffer)
  const file = await open(path)
  try {
    for (let done = 0; done < bytes.length;) {
      const { bytesRead } = await file.read(bytes, done, bytes.length - done, position + done)
      if (bytesRead === 0) throw new Error(`\`${path}\` ended before its last number.`)
      done += bytesRead
    }
  } finally {
    await file.close()
  }
  return numbers
}

/** The name stands for the shards that the tokens are of. */
function endChecksum(path: string, lengths: Uint32Array, checksums: Uint32Array): number {
  return crc32(bytesOf(checksums), crc32(bytesOf(lengths), crc32(basename(path))))
}

function bytesOf({ buffer, byteOffset, byteLength }: TokenIds): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength)
}

function startsOf(lengths: Uint32Array): Float64Array {
  const starts = new Float64Array(lengths.length + 1)
  for (let i = 0; i < lengths.length; i++) starts[i + 1] = starts[i] + lengths[i]
  return starts
}
