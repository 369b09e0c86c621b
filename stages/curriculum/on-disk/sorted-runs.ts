import { argsort } from '../argsort.ts'
import { picked } from '../picked.ts'
import { Column, piecesTogether } from './column.ts'
import { giveWay } from './give-way.ts'
import { byBucket } from './scatter.ts'
import type { Workspace } from './workspace.ts'

/** Values that are looked at to cut all of them into buckets of about one size. */
const sampled = 65_536
/** Buckets have two files each. */
const cutsAtMost = 63

/** Values between two cuts, or all those that equal a cut. */
export interface SortedRun {
  readonly count: number
  /** Positions of the values, from the smallest to the largest; equal ones in their order. */
  positions(): Generator<{ readonly positions: Uint32Array; readonly values: Float64Array }>
  /** Whether all values are the same. */
  readonly isTied: boolean
}

/**
 * Sorts a column that does not fit into memory: cuts at quantiles of a sample, puts the values into files between and at
 * the cuts, and sorts a file at a time. What equals a cut needs no sorting, so that values which come often, however
 * often, take no memory. Equal values are never in two runs.
 */
export async function* sortedRuns(
  column: Column<Float64Array>,
  { scratch, memory, signal }: Workspace,
): AsyncGenerator<SortedRun, void, undefined> {
  const cuts = cutsOf(column, Math.min(cutsAtMost, Math.ceil((2 * column.length) / memory)))
  const buckets = Array.from({ length: 2 * cuts.length + 1 }, () => ({
    positions: new Column<Uint32Array>(Uint32Array, scratch),
    values: new Column<Float64Array>(Float64Array, scratch),
  }))
  let first = 0
  for (const values of column.pieces()) {
    await giveWay(signal)
    const own = new Uint32Array(values.length)
    for (let i = 0; i < own.length; i++) own[i] = bucketOf(values[i], cuts)
    const { order, starts } = byBucket(own, buckets.length)
    const ordered = picked(values, order)
    for (let i = 0; i < order.length; i++) order[i] += first
    for (const [bucket, { positions, values }] of buckets.entries()) {
      const [start, end] = [starts[bucket], starts[bucket + 1]]
      if (start === end) continue
      positions.push(order.subarray(start, end))
      values.push(ordered.subarray(start, end))
    }
    first += values.length
  }
  for (const [bucket, { positions, values }] of buckets.entries()) {
    const isTied = bucket % 2 === 1
    if (positions.length > 0) {
      yield {
        count: positions.length,
        isTied,
        positions: () => (isTied ? together(positions, values) : sorted(positions, values)),
      }
    }
    positions.remove()
    values.remove()
  }
}

/** Quantiles of a sample at equal distances, each once. */
function cutsOf(column: Column<Float64Array>, count: number): Float64Array {
  const step = Math.ceil(column.length / sampled)
  const sample: number[] = []
  let next = 0
  let first = 0
  for (const values of column.pieces()) {
    for (; next < first + values.length; next += step) sample.push(values[next - first])
    first += values.length
  }
  const ascending = Float64Array.from(sample).sort()
  const cuts = new Set<number>()
  // Adding 0 makes one value of -0 and 0.
  for (let k = 1; k <= count; k++) cuts.add(ascending[Math.floor((k * ascending.length) / (count + 1))] + 0)
  return Float64Array.from(cuts)
}

/** 2i between the cuts i - 1 and i, 2i + 1 at cut i. */
function bucketOf(value: number, cuts: Float64Array): number {
  let [low, high] = [0, cuts.length]
  while (low < high) {
    const middle = (low + high) >>> 1
    if (cuts[middle] < value) low = middle + 1
    else high = middle
  }
  return low < cuts.length && cuts[low] === value ? 2 * low + 1 : 2 * low
}

function* sorted(positions: Column<Uint32Array>, values: Column<Float64Array>) {
  const own = values.toArray()
  const ascending = argsort(own)
  yield { positions: picked(positions.toArray(), ascending), values: picked(own, ascending) }
}

function* together(positions: Column<Uint32Array>, values: Column<Float64Array>) {
  for (const [own, tied] of piecesTogether([positions, values]))
    yield { positions: own as Uint32Array, values: tied as Float64Array }
}
