/** What may be kept beside what is kept already. It belongs to one choice, which offers items from the hardest on. */
export interface Limit {
  allows(item: number): boolean
  /** Takes note that an item is kept. */
  count(item: number): void
}

/** @param kinds `[N]` kind of each item, in [0, N); -1 for one that is under no limit */
export function mostOfEachKind(kinds: Int32Array, most: number): Limit {
  const kept = new Int32Array(kinds.length)
  return {
    allows: (item) => kinds[item] < 0 || kept[kinds[item]] < most,
    count(item) {
      if (kinds[item] >= 0) kept[kinds[item]]++
    },
  }
}
