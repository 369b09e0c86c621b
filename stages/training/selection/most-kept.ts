/** How many token ids a record names. */
const named = 16

/** The ids that occur most often, the most frequent first, of equals the smaller one; none that does not occur. */
export function mostKept(counts: Int32Array): number[] {
  const ids: number[] = []
  for (let id = 0; id < counts.length; id++) {
    if (counts[id] === 0 || (ids.length === named && counts[id] <= counts[ids[named - 1]])) continue
    let place = Math.min(ids.length, named - 1)
    for (; place > 0 && counts[ids[place - 1]] < counts[id]; place--) ids[place] = ids[place - 1]
    ids[place] = id
  }
  return ids
}

/** Share of the ids that two lists have in common, of the longer one. */
export function overlapOf(before: readonly number[], now: readonly number[]): number {
  const seen = new Set(before)
  return now.filter((id) => seen.has(id)).length / Math.max(before.length, now.length)
}
