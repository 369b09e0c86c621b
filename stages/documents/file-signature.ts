import { UserError } from '../../schemas/user-error.ts'

export type Compression = 'none' | 'gzip' | 'zstd'

/** Enough of a file's first bytes to tell what it is. */
export const signatureBytes = 8

const gzip = Buffer.from([0x1f, 0x8b])
const zstd = Buffer.from([0x28, 0xb5, 0x2f, 0xfd])

/** First bytes of files that are often taken for text, and what to do with them. */
const foreign: readonly (readonly [signature: Buffer, what: string, remedy: string])[] = [
  [Buffer.from([0xff, 0xfe]), 'UTF-16 text', 'convert it to UTF-8, for instance with iconv'],
  [Buffer.from([0xfe, 0xff]), 'UTF-16 text', 'convert it to UTF-8, for instance with iconv'],
  [Buffer.from([0, 0, 0xfe, 0xff]), 'UTF-32 text', 'convert it to UTF-8, for instance with iconv'],
  [Buffer.from('PK\x03\x04'), 'a zip archive', 'unpack it first'],
  [Buffer.from('BZh'), 'compressed with bzip2', 'decompress it first, or recompress it as .gz or .zst'],
  [
    Buffer.from('\xfd7zXZ\0', 'latin1'),
    'compressed with xz',
    'decompress it first, or recompress it as .gz or .zst',
  ],
  [Buffer.from("7z\xbc\xaf'\x1c", 'latin1'), 'a 7z archive', 'unpack it first'],
  [Buffer.from('PAR1'), 'a Parquet file', columnsRemedy('read-parquet', 'parquet')],
  [Buffer.from('ARROW1'), 'an Arrow file', columnsRemedy('read-arrow', 'arrow')],
  [Buffer.from([0xff, 0xff, 0xff, 0xff]), 'an Arrow stream', columnsRemedy('read-arrow', 'arrow')],
  [Buffer.from('%PDF-'), 'a PDF', 'extract its text first'],
]

function columnsRemedy(stage: string, format: string): string {
  return `read it with stage \`${stage}\`, or --format ${format}`
}

/**
 * How a file is compressed, told by its first bytes and not by its name.
 *
 * @throws UserError where the name promises a compression that the content does not have.
 */
export function compressionOf(path: string, head: Buffer): Compression {
  if (startsWith(head, gzip)) return 'gzip'
  if (startsWith(head, zstd) || isSkippableFrame(head)) return 'zstd'
  const promised = /\.(gz|zst)$/.exec(path)?.[1]
  if (promised && head.length > 0) {
    throw new UserError(`\`${path}\` is not a .${promised} file: rename it after what it holds.`)
  }
  return 'none'
}

/** @throws UserError where a file's text, already decompressed, starts like something that is not UTF-8 text. */
export function assertText(path: string, head: Buffer): void {
  const match = foreign.find(([signature]) => startsWith(head, signature))
  if (match) throw new UserError(`\`${path}\` is ${match[1]}: ${match[2]}.`)
}

/** Seekable .zst files may start with one. */
function isSkippableFrame(head: Buffer): boolean {
  return head.length >= 4 && (head.readUInt32LE(0) & 0xfffffff0) >>> 0 === 0x184d2a50
}

function startsWith(head: Buffer, signature: Buffer): boolean {
  return head.subarray(0, signature.length).equals(signature)
}
