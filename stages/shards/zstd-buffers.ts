import { compressionRegistry, CompressionType } from 'apache-arrow'
import { Compressor, Decompressor } from 'zstd-napi'

/** Level 3, with a checksum a buffer: a flipped bit is then an error and not another token. */
const compressor = new Compressor()
compressor.setParameters({ compressionLevel: 3, checksumFlag: true })
const decompressor = new Decompressor()

// apache-arrow reads and writes compressed buffers with what is registered here, once a process.
compressionRegistry.set(CompressionType.ZSTD, {
  encode: (bytes) => compressor.compress(bytes),
  decode: (bytes) => decompressor.decompress(bytes),
})
