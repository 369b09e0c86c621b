/** Indices, ascending, of the `count` largest losses; of equal ones, those that come first. */
export function hardest(losses: Float32Array, count: number): Int32Array {
  const threshold = losses.toSorted()[losses.length - count]
  let ties = count
  for (const loss of losses) if (loss > threshold) ties--
  const kept = new Int32Array(count)
  let next = 0
  losses.forEach((loss, index) => {
    if (loss > threshold || (loss === threshold && ties-- > 0)) kept[next++] = index
  })
  return kept
}
