import type { OrderColumns } from '../../../schemas/order.ts'
import type { Arrangement } from '../arrangement.ts'
import type { Lengths, Stretch } from '../orders/order.ts'
import { picked } from '../picked.ts'
import { giveWay } from './give-way.ts'
import type { PlacedDocuments } from './rank-documents.ts'
import { Scatter } from './scatter.ts'
import type { Workspace } from './workspace.ts'

type Row = [Uint32Array, Uint32Array, Uint32Array, Float32Array]
const rowTypes = [Uint32Array, Uint32Array, Uint32Array, Float32Array] as const

/**
 * What an order arranges, looked up place by place: positions in the order are put together by places, where the
 * documents are read one after the other, and then brought back.
 */
export async function arrangeOnDisk(
  placed: PlacedDocuments,
  arrange: (lengths: Lengths) => Iterable<Stretch>,
  workspace: Workspace,
): Promise<Arrangement> {
  const available = placed.lengths.length
  const seen = new Uint8Array(Math.ceil(available / 8))
  const phases: { readonly phase: number; documents: number }[] = []
  const byPlace = new Scatter(available, [Uint32Array], workspace)
  let documents = 0
  let distinct = 0
  for (const { phase, places } of arrange(placed.lengths)) {
    await giveWay(workspace.signal)
    const last = phases.at(-1)
    if (last?.phase === phase) last.documents += places.length
    else phases.push({ phase, documents: places.length })
    const positions = new Uint32Array(places.length)
    for (let i = 0; i < places.length; i++) {
      positions[i] = documents++
      const bit = 1 << (places[i] & 7)
      if ((seen[places[i] >>> 3] & bit) === 0) distinct++
      seen[places[i] >>> 3] |= bit
    }
    byPlace.add(places, positions)
  }
  return { documents, distinct, available, rows: () => rows(byPlace, placed, phases, documents, workspace) }
}

async function* rows(
  byPlace: Scatter,
  placed: PlacedDocuments,
  phases: readonly { readonly phase: number; readonly documents: number }[],
  documents: number,
  workspace: Workspace,
): AsyncGenerator<OrderColumns, void, undefined> {
  const byPosition = new Scatter(documents, rowTypes, workspace)
  for (const range of byPlace.ranges()) {
    const columns = [placed.parts, placed.rows, placed.tokens, placed.hardness] as const
    const read = columns.map((column) => column.read(range.first, range.count)) as Row
    for (const [places, positions] of range.pieces()) {
      await giveWay(workspace.signal)
      const own = places.map((place) => place - range.first)
      byPosition.add(positions as Uint32Array, ...read.map((column) => picked(column, own)))
    }
  }
  let [current, left] = [0, phases[0].documents]
  for (const range of byPosition.ranges()) {
    await giveWay(workspace.signal)
    const [part, row, tokens, hardness] = range.inOrder<Row>(...rowTypes)
    const phase = new Uint16Array(range.count)
    for (let filled = 0; filled < phase.length;) {
      if (left === 0) left = phases[++current].documents
      const taken = Math.min(left, phase.length - filled)
      phase.fill(phases[current].phase, filled, (filled += taken))
      left -= taken
    }
    yield { part, row, tokens, hardness, phase }
  }
}
