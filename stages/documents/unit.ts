/** A byte range of one input file, at record boundaries; for compressed files, of the decompressed text. */
export interface Slice {
  readonly path: string
  readonly start: number
  /** Exclusive. */
  readonly end: number
  /** Records (lines) of the file before `start`. */
  readonly firstRecord: number
}

/** A piece of input that is read, scored, written and reused as a whole. */
export interface Unit {
  readonly index: number
  readonly slices: readonly Slice[]
  /** Bytes of text, decompressed. */
  readonly bytes: number
  /** SHA-256 over the records' bytes, in hex: the same text has the same hash, however its file is named. */
  readonly hash: string
}
