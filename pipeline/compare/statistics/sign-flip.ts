/**
 * Two-sided p value of the exact paired permutation test: the share of the 2^n ways to give the differences signs whose
 * sum is at least as far from zero as the one observed. Were the two arms alike, each difference might as well have had
 * the other sign (Fisher 1935, The Design of Experiments, section 21).
 *
 * @param differences `[n]`, n at most 20
 * @throws RangeError where there are none, or more.
 */
export function signFlipPValue(differences: readonly number[]): number {
  const n = differences.length
  if (n === 0 || n > 20) throw new RangeError(`${n} differences, where 1 to 20 can be tested.`)
  const observed = Math.abs(differences.reduce((sum, difference) => sum + difference, 0))
  const size = differences.reduce((sum, difference) => sum + Math.abs(difference), 0)
  // Sums in another order may round apart, and equal ones must count.
  const least = observed - size * 1e-12
  let extreme = 0
  for (let signs = 0; signs < 2 ** n; signs++) {
    let sum = 0
    for (let i = 0; i < n; i++) sum += (signs >> i) & 1 ? -differences[i] : differences[i]
    if (Math.abs(sum) >= least) extreme++
  }
  return extreme / 2 ** n
}

/** The smallest p value that the test can give for n differences: only all signs as they are, or all of them turned. */
export function smallestPValue(n: number): number {
  return 2 / 2 ** n
}
