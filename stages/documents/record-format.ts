import type { Reading } from './read-bytes.ts'
import type { RawRecord, RecordBlocks } from './records.ts'
import type { InputFile, Slice } from './unit.ts'

export interface ParsedDocument {
  readonly id?: string
  readonly text: string
}

/** Why a record holds no document. */
export interface Refusal {
  /** The same words for the same fault, so that faults can be counted. */
  readonly reason: string
  /** What to do where many records are like that, in a sentence. */
  readonly remedy: string
  /** Line of the fault, from 1, where it is not the one that the record starts at. */
  readonly line?: number
}

/** What a record is called by its number in the file. */
export type RecordNoun = 'line' | 'document' | 'row'

/** What sets one kind of input file apart from another. */
export interface RecordFormat {
  /** Names that a search through a folder takes, such as `.jsonl`. */
  readonly extensions: readonly string[]
  readonly noun: RecordNoun
  /** Bytes that reading a whole file takes from the disk. */
  size(file: InputFile, reading: Reading): Promise<number>
  records(slice: Slice, reading: Reading): RecordBlocks
  /** Looks into a record that `records` did not refuse. */
  parse(record: RawRecord): ParsedDocument | Refusal
  /** The id of a document that brings none. */
  id(source: string, position: number): string
}
