import type { Batch } from '../messages.ts'
import type { Granularity } from './select.ts'

/** Tokens of an n-gram that counts as a repetition. */
export const repeatLength = 8

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

/**
 * Items that repeat each other have one kind `[N]`: sequences of equal tokens, or target tokens that end an equal
 * n-gram of `repeatLength` tokens. -1 for targets so early in their row that they end none.
 */
export function repeatKinds({ rows, length, tokens }: Batch, granularity: Granularity): Int32Array {
  if (granularity === 'sequence') {
    return kindsOf(tokens, length + 1, rows, (row) => row * (length + 1))
  }
  return kindsOf(tokens, repeatLength, rows * length, (target) => {
    const [row, place] = [Math.floor(target / length), target % length]
    return place + 2 < repeatLength ? -1 : row * (length + 1) + place + 2 - repeatLength
  })
}

/**
 * @param startOf where in `tokens` the run of `width` tokens of an item begins; negative for one without
 * @returns for each item, the first one with an equal run
 */
function kindsOf(
  tokens: Int32Array,
  width: number,
  items: number,
  startOf: (item: number) => number,
): Int32Array {
  // Open addressing: a hash leads to the first item with a run, and runs are compared in full.
  const mask = 2 ** Math.ceil(Math.log2(2 * items)) - 1
  const table = new Int32Array(mask + 1).fill(-1)
  const kinds = new Int32Array(items).fill(-1)
  for (let item = 0; item < items; item++) {
    const start = startOf(item)
    if (start < 0) continue
    let slot = hashOf(tokens, start, width) & mask
    while (table[slot] >= 0 && !areEqual(tokens, startOf(table[slot]), start, width)) slot = (slot + 1) & mask
    if (table[slot] < 0) table[slot] = item
    kinds[item] = table[slot]
  }
  return kinds
}

/** FNV-1a over whole tokens, with murmur3's last mix. */
function hashOf(tokens: Int32Array, start: number, width: number): number {
  let hash = 0x811c9dc5
  for (let i = start; i < start + width; i++) hash = Math.imul(hash ^ tokens[i], 0x01000193)
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  return hash ^ (hash >>> 13)
}

function areEqual(tokens: Int32Array, a: number, b: number, width: number): boolean {
  for (let i = 0; i < width; i++) if (tokens[a + i] !== tokens[b + i]) return false
  return true
}
