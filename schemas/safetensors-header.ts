import type { UserError } from './user-error.ts'

/** Where a tensor's data lie, from the start of all data. */
export interface Place {
  readonly dtype: Dtype
  readonly shape: readonly number[]
  readonly offset: number
  readonly bytes: number
}

/** Kinds of numbers that a 32-bit float holds exactly, with their bytes. */
const numberBytes = { F32: 4, F16: 2, BF16: 2 } as const
export type Dtype = keyof typeof numberBytes

/** The one name that is not a tensor's. */
const metadataName = '__metadata__'

interface Entry {
  readonly dtype: string
  readonly shape: readonly number[]
  readonly data_offsets: readonly [number, number]
}

/**
 * The places of a safetensors file's tensors, in the order of their data.
 *
 * @param json the file's header
 * @param dataBytes bytes behind the header, all of which belong to a tensor
 * @param broken makes the error of what is wrong
 */
export function tensorPlaces(
  json: Buffer,
  dataBytes: number,
  broken: (what: string) => UserError,
): Map<string, Place> {
  let expected = 0
  const places = new Map<string, Place>()
  for (const [name, { dtype, shape, data_offsets: offsets }] of readEntries(json, broken)) {
    if (!isDtype(dtype)) throw broken(`\`${name}\` holds ${dtype}, and F32, F16 and BF16 can be read`)
    const [start, end] = offsets
    const bytes = bytesOf(shape, dtype)
    if (end > dataBytes) throw broken(`\`${name}\` ends at byte ${end} of ${dataBytes} bytes of data`)
    if (start < expected) throw broken(`\`${name}\` begins within another tensor`)
    if (start > expected) throw broken(`nothing fills the ${start - expected} bytes before \`${name}\``)
    if (end - start !== bytes)
      throw broken(
        `\`${name}\` has ${end - start} bytes, and [${shape.join(', ')}] of ${dtype} takes ${bytes}`,
      )
    expected = end
    places.set(name, { dtype, shape, offset: start, bytes })
  }
  if (expected !== dataBytes)
    throw broken(`its tensors end at byte ${expected} of ${dataBytes} bytes of data`)
  return places
}

/** Bytes that a tensor's numbers take. */
export function bytesOf(shape: readonly number[], dtype: Dtype = 'F32'): number {
  return shape.reduce((product, size) => product * size, numberBytes[dtype])
}

/** The header's entries in the order of their data. */
function readEntries(json: Buffer, broken: (what: string) => UserError): [string, Entry][] {
  const text = json.toString('utf8')
  let header: unknown
  try {
    header = JSON.parse(text)
  } catch {
    throw broken('its header is not JSON')
  }
  if (typeof header !== 'object' || header === null || Array.isArray(header))
    throw broken('its header is not a map')
  const entries = Object.entries(header).filter(([name]) => name !== metadataName)
  for (const [name, entry] of entries)
    if (!isEntry(entry)) throw broken(`its header does not describe \`${name}\``)
  const { [metadataName]: metadata = {} } = header as Record<string, unknown>
  if (typeof metadata !== 'object' || metadata === null) throw broken(`its \`${metadataName}\` is not a map`)
  if (countKeys(text) !== Object.keys(header).length) throw broken('its header has a name twice')
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

function isDtype(name: string): name is Dtype {
  return Object.hasOwn(numberBytes, name)
}

/** Keys of a JSON map whose values are maps: JSON.parse keeps the last of equal ones in silence. */
function countKeys(json: string): number {
  let depth = 0
  let keys = 0
  for (const [token] of json.matchAll(/"(?:[^"\\]|\\.)*"|[{}]/g)) {
    if (token === '{') depth++
    else if (token === '}') depth--
    else if (depth === 1) keys++
  }
  return keys
}
