/** What a character is to a sentence, by Python's rules, which textstat's regular expressions follow. */
export const kinds = {
  /** Neither of the others: punctuation, symbols, combining marks. */
  other: 0,
  /** `\w`: letters, digits, numerals of any script and the low line. */
  word: 1,
  /** `\s`. */
  space: 2,
  /** Full stop, exclamation mark, question mark. */
  stop: 3,
  apostrophe: 4,
} as const

const unknown = 255
const known = new Uint8Array(0x110000).fill(unknown)

/** Kind of a character, given as its code point. */
export function kindOf(codePoint: number): number {
  const kind = known[codePoint]
  return kind === unknown ? (known[codePoint] = classify(codePoint)) : kind
}

function classify(codePoint: number): number {
  const character = String.fromCodePoint(codePoint)
  if (/[\p{L}\p{N}_]/u.test(character)) return kinds.word
  // JavaScript takes the byte order mark for white space, and the separators U+001C to U+001F and U+0085 for none.
  if (codePoint === 0x85 || (codePoint >= 0x1c && codePoint <= 0x1f)) return kinds.space
  if (/\s/u.test(character) && codePoint !== 0xfeff) return kinds.space
  if (/[.!?]/.test(character)) return kinds.stop
  return character === "'" ? kinds.apostrophe : kinds.other
}

/** Kinds of the ASCII characters. */
export const asciiKinds = Uint8Array.from({ length: 0x80 }, (_, codePoint) => kindOf(codePoint))

/** Code point of the UTF-8 sequence at `at`; of the replacement character where there is none. */
export function codePointAt(bytes: Uint8Array, at: number): number {
  const lead = bytes[at]
  if (lead < 0x80) return lead
  const length = sequenceLength(lead)
  if (length === 1 || at + length > bytes.length) return 0xfffd
  let codePoint = lead & (0x7f >> length)
  for (let next = at + 1; next < at + length; next++) codePoint = (codePoint << 6) | (bytes[next] & 0x3f)
  return codePoint > 0x10ffff ? 0xfffd : codePoint
}

/** Bytes of the UTF-8 sequence that begins with `lead`. */
export function sequenceLength(lead: number): number {
  if (lead < 0xc0) return 1
  if (lead < 0xe0) return 2
  return lead < 0xf0 ? 3 : 4
}
