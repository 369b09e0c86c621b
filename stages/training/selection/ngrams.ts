import type { Batch } from '../messages.ts'

/**
 * The n-grams of a batch, row by row.
 * @param width tokens of an n-gram, T + 1 at most
 * @returns `[B, T + 2 − width]` equal numbers for equal n-grams, each below B·(T + 2 − width)
 */
export function ngrams({ rows, length, tokens }: Batch, width: number): Int32Array {
  const each = length + 2 - width
  const count = rows * each
  const startOf = (ngram: number) => ngram + Math.floor(ngram / each) * (width - 1)
  // Open addressing: a hash leads to the first of equal n-grams, and n-grams are compared in full.
  const mask = 2 ** Math.ceil(Math.log2(2 * count)) - 1
  const table = new Int32Array(mask + 1).fill(-1)
  const numbers = new Int32Array(count)
  for (let ngram = 0; ngram < count; ngram++) {
    const start = startOf(ngram)
    let slot = hashOf(tokens, start, width) & mask
    while (table[slot] >= 0 && !areEqual(tokens, startOf(table[slot]), start, width)) slot = (slot + 1) & mask
    if (table[slot] < 0) table[slot] = ngram
    numbers[ngram] = table[slot]
  }
  return numbers
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
