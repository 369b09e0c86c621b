/** Characters that move the cursor, colour or reorder what follows, or show nothing: foreign text may hold any. */
const unprintable = /[\p{Cc}\p{Cf}\p{Co}\p{Cs}]/gu
/** What terminals draw two columns wide. */
const wide =
  /[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\p{Emoji_Presentation}\u{20000}-\u{3fffd}]/u
/** Marks that a terminal draws over the character before them. */
const combining = /\p{M}/u

/** Text of a corpus on one line that is safe to print. */
export function onOneLine(text: string): string {
  return text.replaceAll(/\s+/g, ' ').replaceAll(unprintable, '').trim()
}

/** The beginning of a line that fits `width` columns of a terminal, with an ellipsis where it goes on. */
export function fitted(line: string, width: number): string {
  let columns = 0
  /** What fits together with an ellipsis. */
  let shortened = ''
  let whole = ''
  for (const character of line) {
    columns += columnsOf(character)
    if (columns > width) return `${shortened.trimEnd()}…`
    whole += character
    if (columns < width) shortened = whole
  }
  return whole
}

/** `fitted`, and filled up with spaces. */
export function padded(line: string, width: number): string {
  const text = fitted(line, width)
  const columns = [...text].reduce((sum, character) => sum + columnsOf(character), 0)
  return text + ' '.repeat(width - columns)
}

function columnsOf(character: string): number {
  return combining.test(character) ? 0 : wide.test(character) ? 2 : 1
}
