import { hyphenationPatterns } from './hyphenation-patterns.ts'

/** Fewest letters before the first and after the last break, as pyphen has them unless told otherwise. */
const margin = 2

let patterns: Map<string, readonly number[]> | undefined
let longest = 0

/** Letters of each pattern, with the rating before each of them and one after the last. */
function readPatterns(): Map<string, readonly number[]> {
  const read = new Map<string, readonly number[]>()
  for (const pattern of hyphenationPatterns.trim().split(/\s+/)) {
    let letters = ''
    const ratings = [0]
    for (const character of pattern) {
      if (character >= '0' && character <= '9') {
        ratings[letters.length] = Number(character)
      } else {
        letters += character
        ratings.push(0)
      }
    }
    read.set(letters, ratings)
    longest = Math.max(longest, letters.length)
  }
  return read
}

/**
 * Positions, in characters from the start, at which a lower-case word may be broken: Liang's algorithm with US
 * English patterns (F. M. Liang, Word Hy-phen-a-tion by Com-put-er, 1983). Agrees with pyphen's `positions`.
 */
export function hyphenationPoints(word: string): number[] {
  patterns ??= readPatterns()
  const letters = ['.', ...word, '.']
  const ratings = new Uint8Array(letters.length + 1)
  for (let start = 0; start < letters.length; start++) {
    let piece = ''
    for (let end = start; end < letters.length && end < start + longest; end++) {
      piece += letters[end]
      const found = patterns.get(piece)
      if (found === undefined) continue
      for (let at = 0; at < found.length; at++) {
        if (found[at] > ratings[start + at]) ratings[start + at] = found[at]
      }
    }
  }
  const points: number[] = []
  const last = letters.length - 2 - margin
  for (let point = margin; point <= last; point++) {
    if (ratings[point + 1] % 2 === 1) points.push(point)
  }
  return points
}
