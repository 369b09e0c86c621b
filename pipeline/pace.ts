/** What it looks back on. */
const windowMilliseconds = 30_000
/** Rises in quicker succession count as one. */
const finestMilliseconds = 250

interface Sample {
  readonly milliseconds: number
  readonly value: number
}

/** How fast a counter rises: over the last half minute, or, where it rises more seldom, since it last did. */
export class Pace {
  readonly #samples: Sample[] = []

  note(value: number, milliseconds = performance.now()): void {
    const [before, last] = this.#samples.slice(-2)
    if (last && milliseconds - before.milliseconds < finestMilliseconds) this.#samples.pop()
    this.#samples.push({ milliseconds, value })
    const isOld = (sample: Sample) => sample.milliseconds < milliseconds - windowMilliseconds
    while (this.#samples.length > 2 && isOld(this.#samples[0])) this.#samples.shift()
  }

  /** Undefined before it has risen. */
  get perSecond(): number | undefined {
    const [first, last] = [this.#samples.at(0), this.#samples.at(-1)]
    if (!first || !last || last.milliseconds <= first.milliseconds) return undefined
    return ((last.value - first.value) / (last.milliseconds - first.milliseconds)) * 1000
  }
}
