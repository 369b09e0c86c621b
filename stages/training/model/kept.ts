/** The sequences and tokens of a batch that backward runs on, and what each token counts. */
export interface Kept {
  /** Ascending sequences; undefined for all of them. */
  readonly rows?: Int32Array | undefined
  /** Ascending indices into `[B·T]`, all of them in `rows`; undefined for every token of `rows`. */
  readonly tokens?: Int32Array | undefined
  /** Weight of each kept token's loss in the step's loss. */
  readonly weights: Float32Array
}

/** Indices into `[B·T]` of every token of `rows`. */
export function tokensOfRows(rows: Int32Array, length: number): Int32Array {
  return Int32Array.from(
    { length: rows.length * length },
    (_, i) => rows[Math.floor(i / length)] * length + (i % length),
  )
}

/** The sequence of the i-th of the kept weights. A kept row has all of its tokens, unless tokens are named. */
export function rowOf({ rows, tokens }: Kept, i: number, length: number): number {
  if (tokens) return Math.floor(tokens[i] / length)
  const place = Math.floor(i / length)
  return rows?.[place] ?? place
}

/** The inputs (`offset` 0) or the targets (`offset` 1) `[B, T]` of `tokens` `[B, T + 1]`. */
export function windows(tokens: Int32Array, sequences: number, offset: 0 | 1): Int32Array {
  const length = tokens.length / sequences - 1
  const window = new Int32Array(sequences * length)
  for (let row = 0; row < sequences; row++) {
    const start = row * (length + 1) + offset
    window.set(tokens.subarray(start, start + length), row * length)
  }
  return window
}
