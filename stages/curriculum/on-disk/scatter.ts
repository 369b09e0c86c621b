import { picked } from '../picked.ts'
import { Column, type Numbers, type NumbersType, piecesTogether } from './column.ts'
import type { Workspace } from './workspace.ts'

/** Ranges at most: each has a file a column open while it is written. */
const rangesAtMost = 64

/**
 * Records that come in any order of their indices, put into files by ranges of them, so that a range at a time can be
 * brought into order in memory.
 */
export class Scatter {
  readonly #size: number
  readonly #count: number
  readonly #ranges: readonly (readonly Column<Numbers>[])[]

  /**
   * @param count indices, from 0.
   * @param types of the numbers of a record, beside its index.
   */
  constructor(
    count: number,
    types: readonly NumbersType<Numbers>[],
    { scratch, memory }: Pick<Workspace, 'scratch' | 'memory'>,
  ) {
    this.#count = count
    this.#size = rangeSize(count, memory)
    this.#ranges = Array.from({ length: Math.ceil(count / this.#size) }, () =>
      [Uint32Array, ...types].map((type) => new Column(type, scratch)),
    )
  }

  /** Adds records: the numbers at i of every array are one. */
  add(indices: Uint32Array, ...numbers: readonly Numbers[]): void {
    const ranges = indices.map((index) => Math.floor(index / this.#size))
    const { order, starts } = byBucket(ranges, this.#ranges.length)
    for (const [column, all] of [indices, ...numbers].entries()) {
      const ordered = picked(all, order)
      for (let range = 0; range < this.#ranges.length; range++) {
        if (starts[range] < starts[range + 1])
          this.#ranges[range][column].push(ordered.subarray(starts[range], starts[range + 1]))
      }
    }
  }

  /** The ranges, from the lowest indices on. Each is gone once the next one is asked for. */
  *ranges(): Generator<ScatteredRange, void> {
    for (const [range, columns] of this.#ranges.entries()) {
      const first = range * this.#size
      yield new ScatteredRange(first, Math.min(this.#size, this.#count - first), columns)
      for (const column of columns) column.remove()
    }
  }
}

/** Indices of a range: what memory has room for, unless that made too many ranges. */
export function rangeSize(count: number, memory: number): number {
  return Math.max(memory, Math.ceil(count / rangesAtMost))
}

/** The records of a range of indices. */
export class ScatteredRange {
  readonly first: number
  readonly count: number
  readonly #columns: readonly Column<Numbers>[]

  constructor(first: number, count: number, columns: readonly Column<Numbers>[]) {
    this.first = first
    this.count = count
    this.#columns = columns
  }

  /** The records in pieces, in the order in which they were added: indices, and the numbers beside them. */
  *pieces(): Generator<[Uint32Array, ...Numbers[]]> {
    for (const piece of piecesTogether(this.#columns)) yield piece as [Uint32Array, ...Numbers[]]
  }

  /** `[count]` the numbers of each column beside the indices, by index. Every index has one record. */
  inOrder<Columns extends readonly Numbers[]>(
    ...types: { [I in keyof Columns]: NumbersType<Columns[I]> }
  ): Columns {
    const ordered = types.map((type) => new type(this.count)) as unknown as Columns
    for (const [indices, ...numbers] of this.pieces()) {
      for (const [column, to] of ordered.entries()) {
        const from = numbers[column] as Uint32Array
        for (let i = 0; i < indices.length; i++) (to as Uint32Array)[indices[i] - this.first] = from[i]
      }
    }
    return ordered
  }
}

/** Positions by bucket, each bucket's in their order, and where in them each bucket begins. */
export function byBucket(buckets: Uint32Array, count: number): { order: Uint32Array; starts: Uint32Array } {
  const starts = new Uint32Array(count + 1)
  for (const bucket of buckets) starts[bucket + 1]++
  for (let bucket = 0; bucket < count; bucket++) starts[bucket + 1] += starts[bucket]
  const next = starts.slice()
  const order = new Uint32Array(buckets.length)
  for (let i = 0; i < buckets.length; i++) order[next[buckets[i]]++] = i
  return { order, starts }
}
