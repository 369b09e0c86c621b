/** Places that a stretch holds at most. */
export const stretchLength = 65_536

/** How often each of n places comes, a byte each. */
export class Places {
  #counts: Uint8Array | Uint32Array

  constructor(n: number) {
    this.#counts = new Uint8Array(n)
  }

  add(place: number): void {
    if (this.#counts[place] === 255 && this.#counts instanceof Uint8Array)
      this.#counts = Uint32Array.from(this.#counts)
    this.#counts[place]++
  }

  /** From the easiest to the hardest, each as often as it comes. */
  *rising(): Generator<number> {
    for (let place = 0; place < this.#counts.length; place++)
      for (let left = this.#counts[place]; left > 0; left--) yield place
  }

  /** From the hardest to the easiest, each as often as it comes. */
  *falling(): Generator<number> {
    for (let place = this.#counts.length - 1; place >= 0; place--)
      for (let left = this.#counts[place]; left > 0; left--) yield place
  }
}

/** The same places in stretches. */
export function* inStretches(places: Iterable<number>): Generator<Uint32Array> {
  let stretch = new Uint32Array(stretchLength)
  let filled = 0
  for (const place of places) {
    stretch[filled++] = place
    if (filled < stretchLength) continue
    yield stretch
    stretch = new Uint32Array(stretchLength)
    filled = 0
  }
  if (filled > 0) yield stretch.slice(0, filled)
}
