/**
 * The one-parameter item response model (Rasch 1960): a model of ability θ gets a document of difficulty b right with
 * probability σ(θ − b). Both are in logits.
 */
export function probabilityRight(ability: number, difficulty: number): number {
  return 1 / (1 + Math.exp(difficulty - ability))
}

/** The difficulty at which a share of a corpus in (0, 1) is easier, so that difficulties have a logistic distribution. */
export function difficultyOf(quantile: number): number {
  return Math.log(quantile / (1 - quantile))
}

/**
 * The ability that makes it most likely to get `right` of n documents right: that at which so many are expected, the
 * one root of Σ σ(θ − b) = right, which rises in θ. None or all right would be an ability without bounds; they count as
 * half a document, as is usual for tests.
 *
 * @param difficulties `[n]` b of each document, one at least.
 */
export function estimateAbility(difficulties: readonly number[], right: number): number {
  const n = difficulties.length
  const score = Math.min(Math.max(right, 0.5), n - 0.5)
  // Were all documents as easy as the easiest, or as hard as the hardest, the root would be at one of these.
  const alike = n === 1 ? 0 : difficultyOf(score / n)
  let low = difficulties.reduce((a, b) => Math.min(a, b)) + alike
  let high = difficulties.reduce((a, b) => Math.max(a, b)) + alike
  let ability = (low + high) / 2
  for (let step = Infinity; Math.abs(step) > 1e-10;) {
    let expected = 0
    let slope = 0
    for (const difficulty of difficulties) {
      const probability = probabilityRight(ability, difficulty)
      expected += probability
      slope += probability * (1 - probability)
    }
    if (expected < score) low = ability
    else high = ability
    // Newton's method; halving where it leaves the bounds.
    const newton = ability + (score - expected) / slope
    const next = newton > low && newton < high ? newton : (low + high) / 2
    step = next - ability
    ability = next
  }
  return ability
}
