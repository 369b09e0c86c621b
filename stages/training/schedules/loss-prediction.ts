/**
 * What a run's loss will be under another learning rate (arXiv 2408.11029): after S1, the sum of the rates so far, and
 * S2, how far the rate has been annealed, L = L0 + A·S1^−α − C·S2. The two sums are known before a run, and one run's
 * curve tells the four constants.
 */

/** Share of the annealing's momentum that a step leaves. */
const lambda = 0.999
/** Where Huber's loss of the logarithms turns from a square into a line. */
const delta = 1e-3
/** Points of a curve that a fit takes. */
const mostPoints = 256

/** `[steps]` after each step. */
export interface Areas {
  readonly s1: Float64Array
  readonly s2: Float64Array
}

export interface LossLaw {
  readonly L0: number
  readonly A: number
  readonly C: number
  readonly alpha: number
}

/**
 * S1 = Σ η_i; S2 = Σ m_i with m_i = λ m_{i−1} + (η_{i−1} − η_i), λ = 0.999.
 *
 * @param rates `[steps]` learning rate of each step
 * @param warmUp steps in which the rate rises, which is no annealing
 */
export function areas(rates: ArrayLike<number>, warmUp: number): Areas {
  const s1 = new Float64Array(rates.length)
  const s2 = new Float64Array(rates.length)
  let momentum = 0
  for (let i = 0; i < rates.length; i++) {
    if (i > 0) {
      if (i >= warmUp) momentum = lambda * momentum + (rates[i - 1] - rates[i])
      s1[i] = s1[i - 1]
      s2[i] = s2[i - 1] + momentum
    }
    s1[i] += rates[i]
  }
  return { s1, s2 }
}

/** Loss after a step with these areas, in the unit that the law was fitted in. */
export function predictedLoss({ L0, A, C, alpha }: LossLaw, s1: number, s2: number): number {
  return L0 + A * s1 ** -alpha - C * s2
}

/**
 * The law that comes closest to a run's losses, by Huber's loss of their logarithms.
 * For any α the law is linear in the other three constants, so that only α is searched for.
 *
 * @param losses `[steps]` above zero
 * @param from first step that counts, such as the end of the warm-up
 */
export function fitLossLaw(losses: ArrayLike<number>, { s1, s2 }: Areas, from: number): LossLaw {
  const points = thinned(losses, { s1, s2 }, from)
  const fits = new Map<number, Fit>()
  const cost = (logAlpha: number) => {
    const fit = fits.get(logAlpha) ?? fitFor(Math.exp(logAlpha), points)
    fits.set(logAlpha, fit)
    return fit.cost
  }
  const grid = Array.from({ length: 41 }, (_, i) => Math.log(0.02) + (i / 40) * Math.log(150))
  const best = grid.reduce((a, b) => (cost(b) < cost(a) ? b : a))
  const step = grid[1] - grid[0]
  return (fits.get(minimum(cost, best - step, best + step)) as Fit).law
}

interface Point {
  readonly loss: number
  readonly s1: number
  readonly s2: number
}

/** Means of equal stretches of a curve, as many as a fit needs: the noise of single steps is gone from them. */
function thinned(losses: ArrayLike<number>, { s1, s2 }: Areas, from: number): Point[] {
  const count = Math.min(mostPoints, losses.length - from)
  return Array.from({ length: count }, (_, i) => {
    const [start, end] = [i, i + 1].map((edge) => from + Math.round((edge * (losses.length - from)) / count))
    const mean = (values: ArrayLike<number>) => {
      let sum = 0
      for (let step = start; step < end; step++) sum += values[step]
      return sum / (end - start)
    }
    return { loss: mean(losses), s1: mean(s1), s2: mean(s2) }
  })
}

interface Fit {
  readonly law: LossLaw
  readonly cost: number
}

/** Least squares of the logarithms, weighted anew by Huber's loss until they settle. */
function fitFor(alpha: number, points: readonly Point[]): Fit {
  const rows = points.map(({ s1, s2 }) => [1, s1 ** -alpha, -s2] as const)
  let weights = points.map(({ loss }) => loss ** -2)
  let law: LossLaw = { L0: 0, A: 0, C: 0, alpha }
  let residuals: number[] = []
  for (let round = 0; round < 25; round++) {
    const [L0, A, C] = leastSquares(
      rows,
      points.map(({ loss }) => loss),
      weights,
    )
    law = { L0, A, C, alpha }
    const predicted = points.map(({ s1, s2 }) => Math.max(1e-9, predictedLoss(law, s1, s2)))
    residuals = points.map(({ loss }, i) => Math.log(loss) - Math.log(predicted[i]))
    weights = residuals.map((r, i) => Math.min(1, delta / Math.abs(r)) / predicted[i] ** 2)
  }
  return { law, cost: residuals.reduce((sum, r) => sum + huber(r), 0) }
}

function huber(residual: number): number {
  const size = Math.abs(residual)
  return size <= delta ? size ** 2 / 2 : delta * (size - delta / 2)
}

/**
 * Solves weighted least squares in three unknowns, none of them below zero: one that would be is zero instead. A short
 * run tells little of the loss that is left in the end, and would have it anywhere.
 */
function leastSquares(
  rows: readonly (readonly number[])[],
  values: readonly number[],
  weights: readonly number[],
): number[] {
  let unknowns = [0, 1, 2]
  for (;;) {
    const solution = eliminate(rows, values, weights, unknowns)
    const least = unknowns.reduce((a, b) => (solution[b] < solution[a] ? b : a))
    if (solution[least] >= 0) return solution
    unknowns = unknowns.filter((unknown) => unknown !== least)
  }
}

/** Gaussian elimination of the normal equations; an unknown that no row tells of is zero. */
function eliminate(
  rows: readonly (readonly number[])[],
  values: readonly number[],
  weights: readonly number[],
  unknowns: readonly number[],
): number[] {
  const scale = [0, 1, 2].map((j) =>
    Math.sqrt(rows.reduce((sum, row, i) => sum + weights[i] * row[j] ** 2, 0)),
  )
  const known = unknowns.filter((j) => scale[j] > 0)
  const matrix = known.map((j) => [
    ...known.map((k) =>
      rows.reduce((sum, row, i) => sum + (weights[i] * row[j] * row[k]) / scale[j] / scale[k], 0),
    ),
    rows.reduce((sum, row, i) => sum + (weights[i] * row[j] * values[i]) / scale[j], 0),
  ])
  for (let j = 0; j < known.length; j++) {
    const pivot = matrix.slice(j).reduce((a, b) => (Math.abs(b[j]) > Math.abs(a[j]) ? b : a))
    matrix.splice(matrix.indexOf(pivot), 1)
    matrix.splice(j, 0, pivot)
    for (const row of matrix) {
      if (row === pivot || pivot[j] === 0) continue
      const factor = row[j] / pivot[j]
      for (let k = j; k < row.length; k++) row[k] -= factor * pivot[k]
    }
  }
  const solution = [0, 0, 0]
  known.forEach((j, at) => (solution[j] = matrix[at][known.length] / matrix[at][at] / scale[j]))
  return solution
}

/** Where a function with one minimum between two places has it, by golden sections. */
function minimum(cost: (x: number) => number, low: number, high: number): number {
  const golden = (Math.sqrt(5) - 1) / 2
  for (let round = 0; round < 25; round++) {
    const [a, b] = [high - golden * (high - low), low + golden * (high - low)]
    if (cost(a) <= cost(b)) high = b
    else low = a
  }
  const middle = (low + high) / 2
  cost(middle)
  return middle
}
