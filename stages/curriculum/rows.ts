/**
 * Cuts a stream into `[rows, length + 1]`, each row beginning `stride` entries after the one before it. With a stride of
 * `length` a row's last entry is the next row's first, so that each token is a target once.
 */
export function overlappingRows(
  stream: Int32Array,
  rows: number,
  length: number,
  stride = length,
): Int32Array {
  const width = length + 1
  const cut = new Int32Array(rows * width)
  for (let row = 0; row < rows; row++) {
    cut.set(stream.subarray(row * stride, row * stride + width), row * width)
  }
  return cut
}
