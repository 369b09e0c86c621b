import type { ModelConfig } from './config.ts'

/**
 * Keys and values of the tokens so far in one layer, and attention over them, number by number: for a token at a time
 * that costs less than to hand it to a back end.
 */
export class KeyValueCache {
  readonly #config: ModelConfig
  readonly #turns: Turns
  /** `[context, K·d]`, turned. */
  readonly #keys: Float32Array
  /** `[context, K·d]` */
  readonly #values: Float32Array
  readonly #scores: Float64Array

  constructor(config: ModelConfig, turns: Turns) {
    const { context, dim, heads, kvHeads } = config
    this.#config = config
    this.#turns = turns
    this.#keys = new Float32Array(context * (dim / heads) * kvHeads)
    this.#values = new Float32Array(this.#keys.length)
    this.#scores = new Float64Array(context)
  }

  /**
   * Takes the keys and values of tokens from `position` on, and lets their queries look at all up to themselves.
   *
   * @param projected `[n, (H + 2K)·d]` queries, keys and values in transformers' layout, which are turned in place
   * @returns `[n, H·d]` what the output projection is applied to
   */
  attend(projected: Float32Array, position: number): Float32Array {
    const { dim, heads, kvHeads } = this.#config
    const width = dim / heads
    const kvDim = width * kvHeads
    const columns = dim + 2 * kvDim
    const mixed = new Float32Array((projected.length / columns) * dim)
    for (let row = 0; row * columns < projected.length; row++) {
      const own = projected.subarray(row * columns, (row + 1) * columns)
      const at = position + row
      for (let start = 0; start < dim + kvDim; start += width) turn(own, start, width, at, this.#turns)
      this.#keys.set(own.subarray(dim, dim + kvDim), at * kvDim)
      this.#values.set(own.subarray(dim + kvDim), at * kvDim)
      for (let head = 0; head < heads; head++) {
        const shared = Math.floor((head * kvHeads) / heads) * width
        const query = own.subarray(head * width, (head + 1) * width)
        this.#mix(query, shared, at + 1, mixed.subarray(row * dim + head * width))
      }
    }
    return mixed
  }

  /** Adds to `mixed` `[d…]` the values of the first `count` tokens by how well their keys fit a query `[d]`. */
  #mix(query: Float32Array, shared: number, count: number, mixed: Float32Array): void {
    const [keys, values, scores, width] = [this.#keys, this.#values, this.#scores, query.length]
    const kvDim = keys.length / this.#config.context
    const scale = 1 / Math.sqrt(width)
    let largest = -Infinity
    for (let token = 0; token < count; token++) {
      let score = 0
      for (let i = 0, key = token * kvDim + shared; i < width; i++) score += query[i] * keys[key + i]
      scores[token] = score * scale
      if (scores[token] > largest) largest = scores[token]
    }
    let total = 0
    for (let token = 0; token < count; token++) {
      total += scores[token] = Math.exp(scores[token] - largest)
    }
    for (let token = 0; token < count; token++) {
      const share = scores[token] / total
      for (let i = 0, value = token * kvDim + shared; i < width; i++) mixed[i] += share * values[value + i]
    }
  }
}

/** Cosines and sines `[context, d/2]` of the rotary embedding's angles t·theta^(−2i/d). */
export interface Turns {
  readonly cosines: Float32Array
  readonly sines: Float32Array
}

export function turnsOf({ context, dim, heads, ropeTheta }: ModelConfig): Turns {
  const half = dim / heads / 2
  const angles = Float64Array.from(
    { length: context * half },
    (_, i) => Math.floor(i / half) * ropeTheta ** (-(i % half) / half),
  )
  return { cosines: Float32Array.from(angles, Math.cos), sines: Float32Array.from(angles, Math.sin) }
}

/** Turns a head, `width` numbers from `start`: number i of its first half goes with number i of its second half. */
function turn(x: Float32Array, start: number, width: number, position: number, turns: Turns): void {
  const half = width / 2
  for (let i = 0; i < half; i++) {
    const [cosine, sine] = [turns.cosines[position * half + i], turns.sines[position * half + i]]
    const [a, b] = [x[start + i], x[start + half + i]]
    x[start + i] = a * cosine - b * sine
    x[start + half + i] = b * cosine + a * sine
  }
}
