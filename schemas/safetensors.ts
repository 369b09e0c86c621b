import { open, type FileHandle } from 'node:fs/promises'
import { fromBfloat16, fromFloat16 } from './float16.ts'
import { bytesOf, type Place, tensorPlaces } from './safetensors-header.ts'
import { UserError } from './user-error.ts'

/** One tensor of a safetensors file. Numbers are 32-bit floats, in row-major order. */
export interface StoredTensor {
  readonly shape: readonly number[]
  readonly values: Float32Array
}

/** The numbers of tensors, by name. */
export function valuesOf(tensors: ReadonlyMap<string, StoredTensor>): Map<string, Float32Array> {
  return new Map(Array.from(tensors, ([name, { values }]) => [name, values]))
}

/** Bytes of the header's length, a little-endian 64-bit integer. */
const prefixBytes = 8
/** The format's own limit. */
const maxHeaderBytes = 100_000_000
/** A single read takes less than 2 GiB. */
const longestRead = 1 << 30

/** A tensor to write, whose numbers may be made when their turn comes. */
export interface WritableTensor {
  readonly shape: readonly number[]
  readonly values: Float32Array | (() => Promise<Float32Array>)
}

/**
 * Writes tensors in the safetensors format, one after the other, so that no second copy of the model is held.
 * The caller renames and syncs the file.
 */
export async function writeSafetensors(
  file: FileHandle,
  tensors: ReadonlyMap<string, WritableTensor>,
  metadata: Readonly<Record<string, string>> = {},
): Promise<void> {
  let offset = 0
  const header: Record<string, unknown> = { __metadata__: { format: 'pt', ...metadata } }
  for (const [name, { shape }] of tensors) {
    header[name] = { dtype: 'F32', shape, data_offsets: [offset, (offset += bytesOf(shape))] }
  }
  // Data starts at a multiple of eight, for readers that map it.
  const json = Buffer.from(JSON.stringify(header))
  const padded = Buffer.concat([json, Buffer.alloc((8 - (json.length % 8)) % 8, ' ')])
  const prefix = Buffer.alloc(prefixBytes)
  prefix.writeBigUInt64LE(BigInt(padded.length))
  await file.writeFile(Buffer.concat([prefix, padded]))
  for (const tensor of tensors.values()) {
    const values = typeof tensor.values === 'function' ? await tensor.values() : tensor.values
    await file.writeFile(new Uint8Array(values.buffer, values.byteOffset, values.byteLength))
  }
}

/** Reads every tensor of a safetensors file. @throws UserError as `openSafetensors` does. */
export async function readSafetensors(path: string): Promise<Map<string, StoredTensor>> {
  await using file = await openSafetensors(path)
  const tensors = new Map<string, StoredTensor>()
  for (const [name, shape] of file.shapes) tensors.set(name, { shape, values: await file.read(name) })
  return tensors
}

/** An open safetensors file, to be read a tensor at a time. */
export interface SafetensorsFile extends AsyncDisposable {
  /** Of every tensor by name, in the order of their data. */
  readonly shapes: ReadonlyMap<string, readonly number[]>
  /** Numbers of 16 bits become the same numbers in 32. */
  read(name: string): Promise<Float32Array>
}

/**
 * Opens a safetensors file. The header is held against the file's size before anything else is allocated.
 * @throws UserError when the file is missing, cut, altered in its header, or holds other numbers than floats of 32 or 16 bits.
 */
export async function openSafetensors(path: string): Promise<SafetensorsFile> {
  const broken = (what: string) =>
    new UserError(
      `\`${path}\` is not a whole safetensors file: ${what}. Take another checkpoint, or write this one anew.`,
    )
  const file = await open(path).catch((error: NodeJS.ErrnoException) => {
    throw broken(error.code === 'ENOENT' ? 'it is missing' : `it cannot be opened (${error.code})`)
  })
  try {
    const { places, start } = await readHeader(file, broken)
    return {
      shapes: new Map(Array.from(places, ([name, { shape }]) => [name, shape])),
      async read(name) {
        const { dtype, offset, bytes } = places.get(name) as Place
        const { buffer } = await readAt(file, start + offset, bytes)
        if (dtype === 'F32') return new Float32Array(buffer)
        return (dtype === 'F16' ? fromFloat16 : fromBfloat16)(new Uint16Array(buffer))
      },
      [Symbol.asyncDispose]: () => file.close(),
    }
  } catch (error) {
    await file.close()
    throw error
  }
}

/** The tensors' places, and where their data start in the file. */
async function readHeader(
  file: FileHandle,
  broken: (what: string) => UserError,
): Promise<{ places: Map<string, Place>; start: number }> {
  const { size } = await file.stat()
  if (size < prefixBytes) throw broken(`it has ${size} bytes`)
  const headerBytes = Number((await readAt(file, 0, prefixBytes)).readBigUInt64LE())
  if (headerBytes > size - prefixBytes) throw broken('its header is longer than the file')
  if (headerBytes > maxHeaderBytes)
    throw broken(`its header of ${headerBytes} bytes is longer than the format allows`)
  const start = prefixBytes + headerBytes
  const header = await readAt(file, prefixBytes, headerBytes)
  return { places: tensorPlaces(header, size - start, broken), start }
}

/** Its own buffer, at offset 0, so that float views are aligned. */
async function readAt(file: FileHandle, position: number, length: number): Promise<Buffer<ArrayBuffer>> {
  const buffer = Buffer.from(new ArrayBuffer(length))
  for (let done = 0; done < length;) {
    const { bytesRead } = await file.read(buffer, done, Math.min(length - done, longestRead), position + done)
    if (bytesRead === 0) throw new UserError('A file became shorter while it was read.')
    done += bytesRead
  }
  return buffer
}
