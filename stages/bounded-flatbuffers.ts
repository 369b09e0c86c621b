import { ByteBuffer } from 'flatbuffers'

/**
 * Metadata of Arrow files is read by loops over vectors whose lengths stand in the file: a forged length would fill the
 * memory. No vector has more items than the metadata has bytes.
 */
const lengthOf = Object.getOwnPropertyDescriptor(ByteBuffer.prototype, '__vector_len')?.value as (
  this: ByteBuffer,
  offset: number,
) => number

ByteBuffer.prototype.__vector_len = function (offset) {
  const length = lengthOf.call(this, offset)
  if (length < 0 || length > this.capacity()) throw new Error('a list is longer than its file')
  return length
}
