/** Sizes of a Llama-style decoder. */
export interface ModelConfig {
  /** Token ids, V. */
  readonly vocabulary: number
  /** Width of the residual stream, D. */
  readonly dim: number
  readonly layers: number
  /** Query heads, each `dim / heads` wide. */
  readonly heads: number
  /** Key/value heads; each serves `heads / kvHeads` query heads. */
  readonly kvHeads: number
  /** Width of the feed-forward layer. */
  readonly hidden: number
  /** Longest sequence in tokens. */
  readonly context: number
  /** Whether the head is the embedding matrix itself. */
  readonly tied: boolean
  /** Base of the rotary embedding's wavelengths. */
  readonly ropeTheta: number
  /** Added to the mean square before its root is taken. */
  readonly normEpsilon: number
}

/** Sizes that a model is asked for with; `modelConfig` fills in those that are undefined. */
export interface ModelSizes {
  readonly dim: number
  readonly layers: number
  readonly heads: number
  readonly context: number
  readonly kvHeads?: number | undefined
  readonly hidden?: number | undefined
  readonly tied?: boolean | undefined
}

/** Sizes of the TinyStories models of llama2.c, by their number of parameters. */
export const presets = {
  '260K': { dim: 64, layers: 5, heads: 8, kvHeads: 4, hidden: 172, context: 512 },
  '15M': { dim: 288, layers: 6, heads: 6, kvHeads: 6, hidden: 768, context: 256 },
  '42M': { dim: 512, layers: 8, heads: 8, kvHeads: 8, hidden: 1376, context: 1024 },
} as const satisfies Record<string, ModelSizes>

/**
 * Fills in what sizes leave open: as many key/value heads as heads, a feed-forward layer of 8/3 dim rounded up to a
 * multiple of 32 (three matrices of it hold what two of 4 dim would), and a tied head.
 * @throws RangeError naming the two sizes that do not fit each other.
 */
export function modelConfig(sizes: ModelSizes, vocabulary: number): ModelConfig {
  const { dim, layers, heads, context, kvHeads = heads, tied = true } = sizes
  const hidden = sizes.hidden ?? Math.ceil((8 * dim) / 3 / 32) * 32
  if (dim % heads !== 0) throw new RangeError(`dim ${dim} is not a multiple of heads ${heads}`)
  if ((dim / heads) % 2 !== 0)
    throw new RangeError(
      `dim ${dim} / heads ${heads} is odd, and rotary embedding pairs the numbers of a head`,
    )
  if (heads % kvHeads !== 0) throw new RangeError(`heads ${heads} is not a multiple of kv-heads ${kvHeads}`)
  return {
    vocabulary,
    dim,
    layers,
    heads,
    kvHeads,
    hidden,
    context,
    tied,
    ropeTheta: 10_000,
    normEpsilon: 1e-5,
  }
}
