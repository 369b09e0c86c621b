import type { Batch } from '../messages.ts'
import { type Limit, mostOfEachKind } from './limit.ts'
import { ngrams } from './ngrams.ts'
import type { Granularity } from './select.ts'

/** Tokens of an n-gram that counts as a repetition. */
const repeatLength = 8

/** What repeats others that are kept is kept `most` times at most. */
export function repeatLimit(batch: Batch, granularity: Granularity, most: number): Limit {
  return granularity === 'token' ? mostOfEachKind(endedNgrams(batch), most) : mostOfRows(batch, most)
}

/** `[B·T]` the n-gram that each target ends; -1 for targets so early in their row that they end none. */
function endedNgrams(batch: Batch): Int32Array {
  const { rows, length } = batch
  const ended = new Int32Array(rows * length).fill(-1)
  const each = length + 2 - repeatLength
  if (each <= 0) return ended
  const numbers = ngrams(batch, repeatLength)
  for (let row = 0; row < rows; row++) {
    ended.set(numbers.subarray(row * each, (row + 1) * each), (row + 1) * length - each)
  }
  return ended
}

/**
 * A row is a repeat where more than half of its n-grams stand in `most` kept rows each: packed text has a document that
 * comes again at another offset, and cut in other places, so that whole rows are hardly ever equal. A row shorter than
 * an n-gram is one.
 */
function mostOfRows(batch: Batch, most: number): Limit {
  const width = Math.min(repeatLength, batch.length + 1)
  const numbers = ngrams(batch, width)
  const each = batch.length + 2 - width
  /** `[N]` kept rows that an n-gram stands in, and the last of them, so that none counts twice. */
  const holders = new Int32Array(numbers.length)
  const last = new Int32Array(numbers.length).fill(-1)
  return {
    allows(row) {
      let repeated = 0
      for (let i = row * each; i < (row + 1) * each; i++) if (holders[numbers[i]] >= most) repeated++
      return 2 * repeated <= each
    },
    count(row) {
      for (let i = row * each; i < (row + 1) * each; i++) {
        const ngram = numbers[i]
        if (last[ngram] !== row) holders[ngram]++
        last[ngram] = row
      }
    },
  }
}
