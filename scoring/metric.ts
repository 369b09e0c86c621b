/** A document as metrics see it. A metric reads the form it is defined on; the forms are computed once for all. */
export interface ScoredDocument {
  readonly text: string
  /** The text in UTF-8. */
  readonly bytes: Uint8Array
  /** Token ids without the separator; empty where the corpus is scored without a tokenizer. */
  readonly tokens: Uint16Array | Uint32Array
}

/** Why a value is not an ordinary measurement. Bits of a metric's flags column. */
export const flags = {
  /** Nothing to measure: no bytes, no words or no tokens. */
  empty: 1,
  /** The measurement ran into its limit, such as an MTLD without a single factor. */
  censored: 2,
  /** The document was measured in part. */
  truncated: 4,
  /** Most of the text is in letters that the metric does not know; the value says little about it. */
  foreign: 8,
} as const

/** Measures documents one after the other; `flags` holds those of the document measured last. */
export interface Gauge {
  /** Always a finite number. */
  measure(document: ScoredDocument): number
  readonly flags: number
}

/** A difficulty metric: one column of a scored shard. */
export interface Metric {
  /** Kebab-case; the column's name. */
  readonly name: string
  /** Raised when the same document would get another value. */
  readonly version: number
  /** Which end of the scale is hard to learn. */
  readonly hardEnd: 'high' | 'low'
  readonly unit: string
  /** One sentence. */
  readonly summary: string
  /** Paper or package that the formula is from. */
  readonly source: string
  /** Whether the value depends on the tokenizer. */
  readonly needsTokens: boolean
  /** Loads what measuring needs (a dictionary, a compressor) once a process. */
  open(): Promise<Gauge>
}
