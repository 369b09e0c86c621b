/**
 * Spearman's rank correlation of two columns of numbers, from -1 to 1; equal numbers share the mean of their ranks.
 * NaN where it has no value: fewer than two rows, or a column of equal numbers.
 */
export function rankCorrelation(a: ArrayLike<number>, b: ArrayLike<number>): number {
  const x = ranks(a)
  const y = ranks(b)
  const mean = (x.length - 1) / 2
  let covariance = 0
  let varianceX = 0
  let varianceY = 0
  for (let row = 0; row < x.length; row++) {
    covariance += (x[row] - mean) * (y[row] - mean)
    varianceX += (x[row] - mean) ** 2
    varianceY += (y[row] - mean) ** 2
  }
  return covariance / Math.sqrt(varianceX * varianceY)
}

/** Rank of each number, from 0. */
function ranks(values: ArrayLike<number>): Float64Array {
  const order = Uint32Array.from({ length: values.length }, (_, row) => row).sort(
    (x, y) => values[x] - values[y],
  )
  const ranks = new Float64Array(values.length)
  for (let from = 0, to = 0; from < order.length; from = to) {
    while (to < order.length && values[order[to]] === values[order[from]]) to++
    for (let at = from; at < to; at++) ranks[order[at]] = (from + to - 1) / 2
  }
  return ranks
}
