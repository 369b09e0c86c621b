/** Token ids in a step are below this, so that a count of at most 2²¹ and an id fit into the 53 bits of a number. */
const mostIds = 2 ** 31

/**
 * Share of the targets that are kept, by quarters of the targets from the most frequent token on; equally frequent ones
 * by their id. The targets of a token that reaches over a border count in both quarters, in proportion.
 *
 * @param all `[V]` targets of the step by token id
 * @param kept `[V]` those that are kept
 */
export function keptByFrequency(all: Int32Array, kept: Int32Array): [number, number, number, number] {
  let [ids, total] = [0, 0]
  for (let id = 0; id < all.length; id++) {
    if (all[id] > 0) ids++
    total += all[id]
  }
  const rising = new Float64Array(ids)
  for (let id = 0, next = 0; id < all.length; id++) {
    if (all[id] > 0) rising[next++] = all[id] * mostIds + (mostIds - 1 - id)
  }
  rising.sort()
  const quarter = total / 4
  const shares: [number, number, number, number] = [0, 0, 0, 0]
  let before = 0
  for (let i = ids - 1; i >= 0; i--) {
    const id = mostIds - 1 - (rising[i] % mostIds)
    const after = before + all[id]
    for (let q = Math.min(3, Math.floor(before / quarter)); q < 4 && q * quarter < after; q++) {
      const within = Math.min(after, (q + 1) * quarter) - Math.max(before, q * quarter)
      shares[q] += ((within / all[id]) * kept[id]) / quarter
    }
    before = after
  }
  return shares
}
