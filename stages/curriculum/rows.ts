/**
 * Cuts `rows · length + 1` consecutive entries of a stream into `[rows, length + 1]`: a row's last entry is the next
 * row's first, so that each token is a target once.
 */
export function overlappingRows(stream: Int32Array, rows: number, length: number): Int32Array {
  const width = length + 1
  const cut = new Int32Array(rows * width)
  for (let row = 0; row < rows; row++) {
    cut.set(stream.subarray(row * length, row * length + width), row * width)
  }
  return cut
}
