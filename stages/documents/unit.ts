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

/** What the stages before the sink make of a unit. Equal keys mean equal output, wherever its text came from. */
export interface UnitKeys {
  /** Of all of it. */
  readonly all: string
  /** Of its documents, before any column that can be kept by itself. */
  readonly documents: string
  /** Of each such column, by name, in the order in which they are added. */
  readonly columns: Readonly<Record<string, string>>
}

export interface KeyedUnit {
  readonly unit: Unit
  readonly keys: UnitKeys
}

/** What a sink has of a unit already, and keeps. */
export interface Kept {
  /** Whether the documents can be read from the sink, and need not be read from the input. */
  readonly documents: boolean
  /** Names of columns that need not be made. */
  readonly columns: readonly string[]
  /** The sink's file with those documents, where it stays as it is. */
  readonly file?: { readonly bytes: number; readonly sha256: string }
}

/** A unit of which something still has to be made. */
export interface UnfinishedUnit extends KeyedUnit {
  readonly kept: Kept
}

/** Which of several processes that divide a plan this one is. */
export interface Share {
  /** From 0. */
  readonly rank: number
  /** Processes in all. */
  readonly worldSize: number
  /** Whether none of the others was at work when this one began. */
  readonly isFirst: boolean
}

/** Whether a unit falls to a process; without a share, all of them do. */
export function isOwn(unit: number, share: Share | undefined): boolean {
  return share === undefined || unit % share.worldSize === share.rank
}

/** The whole of a file, before it is cut. */
export function wholeFile(file: InputFile): Slice {
  return { ...file, start: 0, end: Infinity, firstRecord: 0 }
}
