/** A file of the input. */
export interface InputFile {
  /** Where its bytes are. */
  readonly path: string
  /** What it is called: its name as the user gave it, with '/' separators, or `stdin`. */
  readonly source: string
}

/**
 * A piece of one input file, at record boundaries. Its ends are bytes of the file's text, decompressed; in files of
 * columns they are rows.
 */
export interface Slice extends InputFile {
  readonly start: number
  /** Exclusive. */
  readonly end: number
  /** Records (lines, documents, rows) of the file before `start`. */
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

/** The whole of a file, before it is cut. */
export function wholeFile(file: InputFile): Slice {
  return { ...file, start: 0, end: Infinity, firstRecord: 0 }
}
