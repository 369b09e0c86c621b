/**
 * Gini coefficient of amounts that are not negative: half their mean absolute difference, as a share of their mean. 0
 * where all are equal or nothing at all, (n − 1)/n where one of n has everything.
 */
export function gini(amounts: Float64Array): number {
  const rising = amounts.toSorted()
  let [sum, ranked] = [0, 0]
  for (let i = 0; i < rising.length; i++) {
    sum += rising[i]
    ranked += (2 * i + 1 - rising.length) * rising[i]
  }
  return sum === 0 ? 0 : ranked / (rising.length * sum)
}
