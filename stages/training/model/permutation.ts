/** The inverse of a permutation: at each place of `lists`, which stand one below the other, where that place stands. */
export function inverse(lists: readonly Int32Array[]): Int32Array {
  const result = new Int32Array(lists.reduce((sum, { length }) => sum + length, 0))
  let i = 0
  for (const list of lists) for (const place of list) result[place] = i++
  return result
}
