import { stepRandom } from '../training/selection/step-random.ts'

/** How an upper-confidence-bound sampler weighs its sources. */
export interface UpperConfidence {
  /** Sequences of a source whose losses count, the newest ones. */
  readonly window: number
  /** Temperature of the softmax over the bounds, in nats. */
  readonly tau: number
}

/**
 * Draws sources by an upper confidence bound on what each still gives (Wang et al., arXiv 2504.09710, DUMP, where a
 * source gives the mean advantage of its samples): the fall of its loss within its last sequences. A pure function of
 * the seed and of what it was told.
 */
export class SourceSampler {
  readonly #settings: UpperConfidence
  readonly #seed: number
  /** Losses in nats of the newest sequences, by source, the oldest first. */
  readonly #losses: number[][]
  /** Sequences seen of each source, since the beginning. */
  readonly #counts: number[]

  constructor(sources: number, seed: number, settings: UpperConfidence) {
    this.#settings = settings
    this.#seed = seed
    this.#losses = Array.from({ length: sources }, () => [])
    this.#counts = this.#losses.map(() => 0)
  }

  /** Takes in the mean loss of a sequence, in nats. */
  observe(source: number, loss: number): void {
    const losses = this.#losses[source]
    losses.push(loss)
    if (losses.length > this.#settings.window) losses.shift()
    this.#counts[source]++
  }

  /** Share of each source, by what is known of all. */
  shares(): number[] {
    return softmax(upperBounds(this.#losses.map(lossDrop), this.#counts), this.#settings.tau)
  }

  /** The sources of a step's rows, independent draws. */
  draw(step: number, rows: number): number[] {
    const shares = this.shares()
    const random = stepRandom(this.#seed, step)
    return Array.from({ length: rows }, () => pick(shares, random() / 2 ** 32))
  }
}

/** How far a loss has fallen: the mean of the older half less that of the newer, and no less than zero. */
export function lossDrop(losses: readonly number[]): number {
  const half = Math.floor(losses.length / 2)
  if (half === 0) return 0
  return Math.max(0, mean(losses.slice(0, half)) - mean(losses.slice(half)))
}

/** g + √(2 ln(n + 1) / (nⱼ + 1)) of gains g, nⱼ sequences of source j and n of all (arXiv 2504.09710). */
export function upperBounds(gains: readonly number[], counts: readonly number[]): number[] {
  const all = counts.reduce((sum, count) => sum + count, 0)
  return gains.map((gain, source) => gain + Math.sqrt((2 * Math.log(all + 1)) / (counts[source] + 1)))
}

/** Shares in proportion to exp(score / tau), which add up to 1. */
export function softmax(scores: readonly number[], tau: number): number[] {
  const largest = scores.reduce((a, b) => Math.max(a, b), -Infinity)
  const weights = scores.map((score) => Math.exp((score - largest) / tau))
  const sum = weights.reduce((a, b) => a + b, 0)
  return weights.map((weight) => weight / sum)
}

/** The item in whose share of [0, 1) a number falls. */
function pick(shares: readonly number[], drawn: number): number {
  let end = 0
  const found = shares.findIndex((share) => drawn < (end += share))
  // Rounding may leave a sliver behind the last share.
  return found < 0 ? shares.length - 1 : found
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}
