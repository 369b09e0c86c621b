import { createHash } from 'node:crypto'

/** A JSON object that holds a checksum over its other entries: a flipped bit is then no other number, but damage. */
export function withChecksum<T extends object>(value: T): T & { readonly checksum: string } {
  return { ...value, checksum: checksumOf(value) }
}

/** The parsed object of `withChecksum`, without the checksum; undefined where the text is not what was written. */
export function parseChecked(text: string): object | undefined {
  let parsed: unknown
  try {
    parsed = JSON.parse(text)
  } catch {
    return undefined
  }
  if (typeof parsed !== 'object' || parsed === null) return undefined
  const { checksum, ...value } = parsed as { checksum?: unknown }
  return checksum === checksumOf(value) ? value : undefined
}

function checksumOf(value: object): string {
  return createHash('sha256').update(JSON.stringify(value)).digest('hex').slice(0, 32)
}
