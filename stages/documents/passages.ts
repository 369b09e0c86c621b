/**
 * Ways of cutting a text into passages. Each yields passages without white space at their ends and none that is
 * empty; beside white space, and a separator where one is given, nothing is lost.
 */

const blankLines = /\n[^\S\n]*\n/

export function* blankLinePassages(text: string): Generator<string> {
  yield* trimmed(text.split(blankLines))
}

export function* separatedPassages(text: string, separator: string): Generator<string> {
  yield* trimmed(text.split(separator))
}

/**
 * Passages of about `size` words: cut at the paragraph end nearest to `size` words, else at the nearest sentence
 * end, else after `size` words. A text of at least `size` / 2 words yields passages of `size` / 2 to 1.5 `size`.
 *
 * A word is a run of characters without white space; in scripts written without spaces, a character.
 */
export function* wordPassages(text: string, size: number): Generator<string> {
  const least = Math.ceil(size / 2)
  const most = Math.floor(1.5 * size)
  const words = text.matchAll(word)
  const starts: number[] = []
  const ends: number[] = []
  for (;;) {
    // Looking 2 · size words ahead shows whether what a cut would leave behind is long enough.
    while (starts.length < 2 * size) {
      const { value, done } = words.next()
      if (done) break
      starts.push(value.index)
      ends.push(value.index + value[0].length)
    }
    if (starts.length === 0) return
    const isLast = starts.length <= most
    const count = isLast
      ? starts.length
      : cutNear(text, starts, ends, size, least, Math.min(most, starts.length - least))
    yield text.slice(starts[0], ends[count - 1])
    starts.splice(0, count)
    ends.splice(0, count)
  }
}

const unspaced =
  '\\p{Script=Han}\\p{Script=Hiragana}\\p{Script=Katakana}\\p{Script=Thai}\\p{Script=Lao}\\p{Script=Khmer}'
const word = new RegExp(`[${unspaced}]|[^\\s${unspaced}]+`, 'gu')

/** The number of words, from `least` to `most`, after which to cut. */
function cutNear(
  text: string,
  starts: number[],
  ends: number[],
  size: number,
  least: number,
  most: number,
): number {
  for (const isEnd of [isParagraphEnd, isSentenceEnd]) {
    for (let distance = 0; distance <= size; distance++) {
      for (const count of [size - distance, size + distance]) {
        if (count < least || count > most) continue
        if (isEnd(text, starts[count - 1], ends[count - 1], starts[count])) return count
      }
    }
  }
  return Math.min(size, most)
}

function isParagraphEnd(text: string, _start: number, end: number, next: number): boolean {
  return next - end > 1 && blankLines.test(text.slice(end, next))
}

const closers = `["'”’»)\\]]*$`
const spacedStop = new RegExp(`[.!?…]${closers}`)
const unspacedStop = new RegExp(`[。！？]${closers}`)
const abbreviation = /^["'“‘([]*(?:\p{Lu}|Mr|Mrs|Ms|Dr|St|Hon|Gen|Sen|Rep|Prof|Rev|Lt|Col|Capt|Gov|No|vs)\.$/u
const lowercase = /^\p{Ll}/u

function isSentenceEnd(text: string, start: number, end: number, next: number): boolean {
  const last = text.slice(start, end)
  if (unspacedStop.test(last)) return true
  return (
    next > end &&
    spacedStop.test(last) &&
    !abbreviation.test(last) &&
    !lowercase.test(text.slice(next, next + 2))
  )
}

function* trimmed(pieces: readonly string[]): Generator<string> {
  for (const piece of pieces) {
    const passage = piece.trim()
    if (passage !== '') yield passage
  }
}
