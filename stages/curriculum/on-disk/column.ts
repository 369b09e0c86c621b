import { readSync, writeFileSync } from 'node:fs'
import type { Scratch, ScratchFile } from './scratch.ts'

export type Numbers = Uint32Array | Float32Array | Float64Array | BigUint64Array

export interface NumbersType<T extends Numbers> {
  new (length: number): T
  new (buffer: ArrayBufferLike, byteOffset: number, length: number): T
  readonly BYTES_PER_ELEMENT: number
}

/** Numbers that are read from a file at once. */
const pieceLength = 65_536
/** Bytes that one call of the system reads at most. */
const bytesAtOnce = 2 ** 30

/** A column of numbers that grows at its end: in memory, until it is moved to a file. */
export class Column<T extends Numbers> {
  readonly #type: NumbersType<T>
  #pieces: T[] = []
  #file: { readonly scratch: Scratch; readonly own: ScratchFile } | undefined
  #length = 0

  /** @param scratch where it lies from the beginning on; in memory where that is absent. */
  constructor(type: NumbersType<T>, scratch?: Scratch) {
    this.#type = type
    if (scratch) this.moveTo(scratch)
  }

  get length(): number {
    return this.#length
  }

  /** Adds numbers, which the caller does not change any more. */
  push(numbers: T): void {
    this.#length += numbers.length
    if (this.#file) append(this.#file.own, numbers)
    else this.#pieces.push(numbers)
  }

  /** Moves the column to a file, which it grows in from then on. */
  moveTo(scratch: Scratch): void {
    this.#file = { scratch, own: scratch.create() }
    for (const piece of this.#pieces.splice(0)) append(this.#file.own, piece)
  }

  /** All of its numbers, from the first to the last. */
  *pieces(): Generator<T> {
    if (!this.#file) yield* this.#pieces
    else {
      for (let first = 0; first < this.#length; first += pieceLength)
        yield this.read(first, Math.min(pieceLength, this.#length - first))
    }
  }

  /** Numbers of a column in a file. */
  read(first: number, count: number): T {
    const numbers = new this.#type(count)
    if (!this.#file) throw new Error('A column in memory is read in pieces.')
    const { path, descriptor } = this.#file.own
    const size = this.#type.BYTES_PER_ELEMENT
    for (let read = 0; read < numbers.byteLength;) {
      const length = Math.min(numbers.byteLength - read, bytesAtOnce)
      const bytes = readSync(descriptor, numbers, read, length, first * size + read)
      if (bytes === 0) throw new Error(`\`${path}\` ends before its time.`)
      read += bytes
    }
    return numbers
  }

  /** All of it, in memory. */
  toArray(): T {
    if (this.#file) return this.read(0, this.#length)
    if (this.#pieces.length !== 1) {
      const whole = new this.#type(this.#length)
      let filled = 0
      for (const piece of this.#pieces) {
        // Pieces of a column are of one type.
        ;(whole as Uint32Array).set(piece as Uint32Array, filled)
        filled += piece.length
      }
      this.#pieces = [whole]
    }
    return this.#pieces[0]
  }

  /** Forgets its numbers, and removes its file. */
  remove(): void {
    this.#pieces = []
    this.#length = 0
    this.#file?.scratch.remove(this.#file.own)
    this.#file = undefined
  }
}

/** The pieces of columns of one length, side by side. */
export function* piecesTogether(columns: readonly Column<Numbers>[]): Generator<Numbers[]> {
  const readers = columns.map((column) => column.pieces())
  for (;;) {
    const pieces = readers.map((reader) => reader.next())
    if (pieces.some(({ done }) => done)) return
    yield pieces.map(({ value }) => value as Numbers)
  }
}

function append({ path, descriptor }: ScratchFile, numbers: Numbers): void {
  try {
    writeFileSync(descriptor, numbers)
  } catch (error) {
    // A descriptor does not say which disk is full.
    throw Object.assign(error as Error, { path })
  }
}
