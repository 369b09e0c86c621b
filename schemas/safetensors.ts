import { open, type FileHandle } from 'node:fs/promises'
import { UserError } from './user-error.ts'

/** One tensor of a safetensors file. Numbers are 32-bit floats, in row-major order. */
export interface StoredTensor {
  readonly shape: readonly number[]
  readonly values: Float32Array
}

interface Entry {
  readonly dtype: string
  readonly shape: readonly number[]
  readonly data_offsets: readonly [number, number]
}

/** Bytes of the header's length, a little-endian 64-bit integer. */
const prefixBytes = 8
/** The format's own limit. */
const maxHeaderBytes = 100_000_000

/**
 * Writes tensors in the safetensors format, one after the other, so that no second copy of the model is held.
 * The caller renames and syncs the file.
 */
export async function writeSafetensors(
  file: FileHandle,
  tensors: ReadonlyMap<string, StoredTensor>,
  metadata: Readonly<Record<string, string>> = {},
): Promise<void> {
  let offset = 0
  const header: Record<string, unknown> = { __metadata__: { format: 'pt', ...metadata } }
  for (const [name, { shape, values }] of tensors) {
    header[name] = { dtype: 'F32', shape, data_offsets: [offset, (offset += values.byteLength)] }
  }
  // Data starts at a multiple of eight, for readers that map it.
  const json = Buffer.from(JSON.stringify(header))
  const padded = Buffer.concat([json, Buffer.alloc((8 - (json.length % 8)) % 8, ' ')])
  const prefix = Buffer.alloc(prefixBytes)
  prefix.writeBigUInt64LE(BigInt(padded.length))
  await file.writeFile(Buffer.concat([prefix, padded]))
  for (const { values } of tensors.values()) {
    await file.writeFile(new Uint8Array(values.buffer, values.byteOffset, values.byteLength))
  }
}

/**
 * Reads every tensor of a safetensors file. The header is held against the file's size before anything is allocated.
 * @throws UserError when the file is cut, altered in its header, or holds other numbers than 32-bit floats.
 */
export async function readSafetensors(path: string): Promise<Map<string, StoredTensor>> {
  const broken = (what: string) =>
    new UserError(
      `\`${path}\` is not a whole safetensors file: ${what}. Take another checkpoint, or write this one anew.`,
    )
  await using file = await open(path)
  const { size } = await file.stat()
  if (size < prefixBytes) throw broken(`it has ${size} bytes`)
  const headerBytes = Number((await readAt(file, 0, prefixBytes)).readBigUInt64LE())
  if (headerBytes > Math.min(size - prefixBytes, maxHeaderBytes))
    throw broken('its header is longer than the file')
  const entries = readHeader(await readAt(file, prefixBytes, headerBytes), broken)
  const dataBytes = size - prefixBytes - headerBytes
  let expected = 0
  const tensors = new Map<string, StoredTensor>()
  for (const [
    name,
    {
      dtype,
      shape,
      data_offsets: [start, end],
    },
  ] of entries) {
    if (dtype !== 'F32') throw broken(`\`${name}\` holds ${dtype} and not F32`)
    const bytes = shape.reduce((product, size) => product * size, 4)
    if (start !== expected || end - start !== bytes || end > dataBytes)
      throw broken(`\`${name}\` does not lie where it should`)
    expected = end
    const data = await readAt(file, prefixBytes + headerBytes + start, bytes)
    tensors.set(name, { shape, values: new Float32Array(data.buffer, data.byteOffset, bytes / 4) })
  }
  if (expected !== dataBytes) throw broken(`its tensors end at ${expected} of ${dataBytes} bytes`)
  return tensors
}

/** The header's entries in the order of their data. */
function readHeader(json: Buffer, broken: (what: string) => UserError): [string, Entry][] {
  let header: unknown
  try {
    header = JSON.parse(json.toString('utf8'))
  } catch {
    throw broken('its header is not JSON')
  }
  if (typeof header !== 'object' || header === null) throw broken('its header is not a map')
  const entries = Object.entries(header).filter(([name]) => name !== '__metadata__')
  for (const [name, entry] of entries)
    if (!isEntry(entry)) throw broken(`its header does not describe \`${name}\``)
  return (entries as [string, Entry][]).sort(
    ([, a], [, b]) => a.data_offsets[0] - b.data_offsets[0] || a.data_offsets[1] - b.data_offsets[1],
  )
}

function isEntry(value: unknown): value is Entry {
  const { dtype, shape, data_offsets: offsets } = (value ?? {}) as Partial<Entry>
  const areSizes = (list: unknown) =>
    Array.isArray(list) && list.every((size) => Number.isSafeInteger(size) && size >= 0)
  return typeof dtype === 'string' && areSizes(shape) && areSizes(offsets) && offsets?.length === 2
}

/** Its own buffer, at offset 0, so that float views are aligned. */
async function readAt(file: FileHandle, position: number, length: number): Promise<Buffer> {
  const buffer = Buffer.from(new ArrayBuffer(length))
  for (let done = 0; done < length;) {
    const { bytesRead } = await file.read(buffer, done, length - done, position + done)
    if (bytesRead === 0) throw new UserError('A file became shorter while it was read.')
    done += bytesRead
  }
  return buffer
}
