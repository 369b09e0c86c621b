import { compressionRegistry, CompressionType } from 'apache-arrow'
import { Compressor, Decompressor } from 'zstd-napi'

/** Level 3, with a checksum a buffer: a flipped bit is then an error and not another token. */
const compressor = new Compressor()
compressor.setParameters({ compressionLevel: 3, checksumFlag: true })
const decompressor = new Decompressor()
/** Arrow's offsets end there; memory is taken by what a frame's header says. */
const longestBuffer = 2 ** 31

// apache-arrow reads and writes compressed buffers with what is registered here, once a process.
compressionRegistry.set(CompressionType.ZSTD, {
  encode: (bytes) => compressor.compress(bytes),
  decode: (bytes) => {
    const size = contentSize(bytes)
    if (size > longestBuffer) throw new Error(`a column of ${size} bytes is too long`)
    return decompressor.decompress(bytes)
  },
})

/** Bytes that a zstd frame says it holds (RFC 8878, 3.1.1.1); 0 where it does not say. */
function contentSize(frame: Uint8Array): number {
  const view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength)
  if (view.byteLength < 18) return 0
  const descriptor = view.getUint8(4)
  const isSingleSegment = (descriptor & 0x20) !== 0
  const at = 5 + (isSingleSegment ? 0 : 1) + [0, 1, 2, 4][descriptor & 3]
  const width = descriptor >> 6
  if (width === 3) return Number(view.getBigUint64(at, true))
  if (width === 2) return view.getUint32(at, true)
  return 0
}
