import { UserError } from '../../../schemas/user-error.ts'
import type { Reading } from '../read-bytes.ts'
import type { InputFile } from '../unit.ts'

/** A value of a column of text (in UTF-8) or of whole numbers. */
export type Cell = Uint8Array | number | bigint | null | undefined

export interface Column {
  readonly name: string
  readonly holds: 'text' | 'whole numbers' | 'other'
  /** The type as the file has it, for messages. */
  readonly type: string
}

/** Rows of a file, from 0. */
export interface Rows {
  readonly start: number
  /** Exclusive. */
  readonly end: number
}

export type Cells = AsyncGenerator<readonly Cell[], void, undefined>

/** An open file of columns. */
export interface ColumnFile {
  readonly rows: number
  readonly columns: readonly Column[]
  /** Bytes that a column takes in the file. */
  bytesOf(column: string): number
  /**
   * The cells of `rows`, in order, in blocks of any size. A text of more than `longestRecord` bytes may be cut, but
   * not to less than one byte more than that.
   */
  cells(column: string, rows: Rows): Cells
  close(): Promise<void>
}

/** @throws UserError where the file is not of this kind, truncated, or kept in a way that cannot be read. */
export type OpenColumns = (file: InputFile, reading: Reading) => Promise<ColumnFile>

/** Keeps what was learned of the file that a run read last, for its next unit. */
export class LastRead<T> {
  readonly #last = new WeakMap<object, { readonly state: string; readonly value: T }>()

  async get(run: object | undefined, state: string, read: () => Promise<T>): Promise<T> {
    const last = run && this.#last.get(run)
    if (last?.state === state) return last.value
    const value = await read()
    if (run) this.#last.set(run, { state, value })
    return value
  }
}

/** What to say where nothing could be made of a file's bytes; what went wrong for other reasons stays as it is. */
export function damaged(source: string, kind: string, error: unknown): unknown {
  if (error instanceof UserError || (error as NodeJS.ErrnoException).syscall !== undefined) return error
  const { message } = error as Error
  return new UserError(`\`${source}\` is damaged, or no ${kind} file (${message}): fetch it again.`)
}
