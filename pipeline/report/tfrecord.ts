import { createRequire } from 'node:module'
import type * as Crc32 from 'crc-32'

// The library describes the types of its CRC-32 alone; its CRC-32C has the same.
const crc32c = createRequire(import.meta.url)('crc-32/crc32c.js') as typeof Crc32

/**
 * A record of TensorFlow's files of records: its length (uint64), the length's checksum, the data, the data's checksum,
 * all little-endian (tensorflow/core/lib/io/record_writer.h).
 */
export function frame(data: Uint8Array): Buffer {
  const head = Buffer.alloc(12)
  head.writeBigUInt64LE(BigInt(data.length))
  head.writeUInt32LE(maskedChecksum(head.subarray(0, 8)), 8)
  const tail = Buffer.alloc(4)
  tail.writeUInt32LE(maskedChecksum(data))
  return Buffer.concat([head, data, tail])
}

/** CRC-32C, turned and moved so that data which holds checksums does not have one like theirs (lib/hash/crc32c.h). */
function maskedChecksum(data: Uint8Array): number {
  const crc = crc32c.buf(data) >>> 0
  const turned = (crc >>> 15) | (crc << 17)
  return (turned + 0xa282ead8) >>> 0
}
