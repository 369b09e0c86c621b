/** Tokens such as `<|endoftext|>`, which a tokenizer looks for in the text before it cuts words. */
export class AddedTokens {
  /** By their first two bytes, which a family such as `<|...|>` shares: one search rules it out. */
  readonly #families = new Map<string, { readonly start: Buffer; readonly contents: Buffer[] }>()

  constructor(contents: readonly string[]) {
    for (const content of contents) {
      if (content === '') continue
      const bytes = Buffer.from(content)
      const start = bytes.subarray(0, 2)
      const family = this.#families.get(start.toString('latin1'))
      if (family) family.contents.push(bytes)
      else this.#families.set(start.toString('latin1'), { start, contents: [bytes] })
    }
  }

  /** Whether UTF-8 text contains any of them. */
  occurIn(text: Uint8Array): boolean {
    const buffer = Buffer.from(text.buffer, text.byteOffset, text.byteLength)
    for (const { start, contents } of this.#families.values()) {
      if (buffer.includes(start) && contents.some((content) => buffer.includes(content))) return true
    }
    return false
  }
}
