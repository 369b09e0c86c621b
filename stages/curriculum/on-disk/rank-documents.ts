import { tiedRank, type WeightedMetric } from '../difficulty.ts'
import type { Lengths } from '../orders/order.ts'
import { Column } from './column.ts'
import { giveWay } from './give-way.ts'
import { rangeSize, Scatter, type ScatteredRange } from './scatter.ts'
import { sortedRuns } from './sorted-runs.ts'
import type { Workspace } from './workspace.ts'

/** What an order is made from, a number a document each, in files. */
export interface DocumentColumns {
  readonly parts: Column<Uint32Array>
  readonly rows: Column<Uint32Array>
  readonly lengths: Column<Uint32Array>
  readonly metrics: readonly ScoredMetric[]
}

/** A metric whose values are a column, wherever that lies. */
export interface ScoredMetric extends Omit<WeightedMetric, 'values'> {
  readonly values: Column<Float64Array>
}

/** The documents by their places, in files but for the lengths. */
export interface PlacedDocuments {
  readonly lengths: Lengths
  readonly parts: Column<Uint32Array>
  readonly rows: Column<Uint32Array>
  readonly tokens: Column<Uint32Array>
  readonly hardness: Column<Float32Array>
}

/**
 * Puts documents into the places of their difficulty, as `difficulty` does in memory, number for number.
 * @param inCorpusOrder leaves them in the places that they have, and ranks them only.
 */
export async function rankDocuments(
  documents: DocumentColumns,
  inCorpusOrder: boolean,
  workspace: Workspace,
): Promise<PlacedDocuments> {
  const { scratch, signal } = workspace
  const count = documents.lengths.length
  const placed = {
    lengths: emptyLengths(documents.lengths),
    parts: new Column<Uint32Array>(Uint32Array, scratch),
    rows: new Column<Uint32Array>(Uint32Array, scratch),
    tokens: new Column<Uint32Array>(Uint32Array, scratch),
    hardness: new Column<Float32Array>(Float32Array, scratch),
  }
  const append = (parts: Uint32Array, rows: Uint32Array, lengths: Uint32Array, hardness: Float32Array) => {
    placed.lengths.set(lengths, placed.parts.length)
    placed.parts.push(parts)
    placed.rows.push(rows)
    placed.tokens.push(lengths.map((length) => length - 1))
    placed.hardness.push(hardness)
  }
  const byPlace = new Scatter(
    inCorpusOrder ? 0 : count,
    [Uint32Array, Uint32Array, Uint32Array, Float32Array],
    workspace,
  )
  const byDocument = await placesByDocument(documents.metrics, count, workspace)
  for (const range of byDocument.ranges()) {
    await giveWay(signal)
    const [places, hardness] = range.inOrder<[Uint32Array, Float32Array]>(Uint32Array, Float32Array)
    const own = [documents.parts, documents.rows, documents.lengths] as const
    const [parts, rows, lengths] = own.map((column) => column.read(range.first, range.count))
    if (inCorpusOrder) append(parts, rows, lengths, hardness)
    else byPlace.add(places, parts, rows, lengths, hardness)
  }
  for (const range of byPlace.ranges()) {
    await giveWay(signal)
    append(
      ...range.inOrder<[Uint32Array, Uint32Array, Uint32Array, Float32Array]>(
        Uint32Array,
        Uint32Array,
        Uint32Array,
        Float32Array,
      ),
    )
  }
  return placed
}

/** Place and hardness of every document. */
async function placesByDocument(
  metrics: readonly ScoredMetric[],
  count: number,
  workspace: Workspace,
): Promise<Scatter> {
  const means = await meanRanks(metrics, count, workspace)
  const scatter = new Scatter(count, [Uint32Array, Float32Array], workspace)
  let place = 0
  for await (const { positions, ranks } of rankedRuns(means, workspace)) {
    scatter.add(
      positions,
      Uint32Array.from(positions, () => place++),
      Float32Array.from(ranks),
    )
  }
  means.remove()
  return scatter
}

/** `[n]` weighted sums of the documents' ranks. */
async function meanRanks(
  metrics: readonly ScoredMetric[],
  count: number,
  workspace: Workspace,
): Promise<Column<Float64Array>> {
  const parts: Generator<ScatteredRange, void>[] = []
  for (const { values, hardEnd, weight } of metrics) {
    const scatter = new Scatter(count, [Float64Array], workspace)
    for await (const { positions, ranks } of rankedRuns(values, workspace)) {
      scatter.add(
        positions,
        ranks.map((rank) => weight * (hardEnd === 'high' ? rank : 1 - rank)),
      )
    }
    parts.push(scatter.ranges())
  }
  const means = new Column<Float64Array>(Float64Array, workspace.scratch)
  const size = rangeSize(count, workspace.memory)
  for (let first = 0; first < count; first += size) {
    await giveWay(workspace.signal)
    const mean = new Float64Array(Math.min(size, count - first))
    for (const ranges of parts) {
      const { value } = ranges.next()
      if (!value) throw new Error('A metric has fewer ranges than there are.')
      const [own] = value.inOrder<[Float64Array]>(Float64Array)
      own.forEach((part, i) => (mean[i] += part))
    }
    means.push(mean)
  }
  return means
}

/** Positions in a column from the smallest value to the largest, with the quantile of each, as `ranks` has them. */
async function* rankedRuns(
  column: Column<Float64Array>,
  workspace: Workspace,
): AsyncGenerator<{ positions: Uint32Array; ranks: Float64Array }, void, undefined> {
  let before = 0
  for await (const run of sortedRuns(column, workspace)) {
    for (const { positions, values } of run.positions()) {
      await giveWay(workspace.signal)
      const ranks = new Float64Array(positions.length)
      for (let start = 0, end = 0; start < values.length; start = end) {
        do end++
        while (end < values.length && values[end] === values[start])
        const [first, behind] = run.isTied ? [0, run.count] : [start, end]
        ranks.fill(tiedRank(before + first, before + behind, column.length), start, end)
      }
      yield { positions, ranks }
    }
    before += run.count
  }
}

function emptyLengths(lengths: Column<Uint32Array>): Lengths {
  let longest = 0
  for (const piece of lengths.pieces()) for (const length of piece) if (length > longest) longest = length
  return longest < 2 ** 16 ? new Uint16Array(lengths.length) : new Uint32Array(lengths.length)
}
