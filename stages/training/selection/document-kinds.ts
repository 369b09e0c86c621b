import type { Batch } from '../messages.ts'
import type { Granularity } from './select.ts'

/**
 * The document of each item `[N]`: of a target token the one that it belongs to, of a sequence the one that most of its
 * targets belong to, the first of several. Documents are numbered from 0. One that comes several times, in several
 * passes of the order, is the same each time where the batch says where its documents lie.
 */
export function documentKinds(batch: Batch, granularity: Granularity): Int32Array {
  const { rows, length, documents } = batch
  const numberOf = documentNumbers(batch)
  const kinds = new Int32Array(granularity === 'token' ? rows * length : rows)
  for (let row = 0; row < rows; row++) {
    const targets = new Map<number, number>()
    // A document's tokens stand next to each other.
    for (let start = 0, end = 0; start < length; start = end) {
      const first = row * (length + 1) + 1
      const document = documents[first + start]
      while (end < length && documents[first + end] === document) end++
      const number = numberOf(document)
      if (granularity === 'token') kinds.fill(number, row * length + start, row * length + end)
      else targets.set(number, (targets.get(number) ?? 0) + end - start)
    }
    if (granularity === 'sequence') kinds[row] = largest(targets)
  }
  return kinds
}

/** Numbers documents from 0, in the order in which they are asked for. */
function documentNumbers({ places }: Batch): (document: number) => number {
  const numbers = new Map<number, number>()
  return (document) => {
    const identity = places ? places.parts[document] * 2 ** 32 + places.rows[document] : document
    const number = numbers.get(identity) ?? numbers.size
    numbers.set(identity, number)
    return number
  }
}

/** The key of the largest number, the first of several. */
function largest(numbers: ReadonlyMap<number, number>): number {
  let [key, most] = [-1, -Infinity]
  for (const [candidate, number] of numbers) if (number > most) [key, most] = [candidate, number]
  return key
}
