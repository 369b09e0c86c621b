import type { BytePairs } from './byte-pairs.ts'

export const endOfText = '<|endoftext|>'

/**
 * The characters that stand for bytes in byte-level vocabularies, by byte (Radford et al. 2019): a printable Latin-1
 * character stands for itself, the other bytes take the characters from U+0100 on in turn.
 */
export const characters = byteCharacters()

/** The 256 bytes in the order of their characters, which is that of their ids. */
export const alphabet = Uint8Array.from(characters.keys()).sort((a, b) =>
  characters[a] < characters[b] ? -1 : 1,
)

/** A tokenizer.json of Hugging Face's format: `<|endoftext|>` is id 0, then the bytes, then what merges made. */
export function tokenizerJson({ merges, symbols }: BytePairs): string {
  const names = symbols.map((bytes) => Array.from(bytes, (byte) => characters[byte]).join(''))
  const byteLevel = { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: true }
  const flags = { single_word: false, lstrip: false, rstrip: false, normalized: false, special: true }
  return `${JSON.stringify(
    {
      version: '1.0',
      truncation: null,
      padding: null,
      added_tokens: [{ id: 0, content: endOfText, ...flags }],
      normalizer: null,
      pre_tokenizer: byteLevel,
      post_processor: { ...byteLevel, trim_offsets: false },
      decoder: byteLevel,
      model: {
        type: 'BPE',
        dropout: null,
        unk_token: null,
        continuing_subword_prefix: null,
        end_of_word_suffix: null,
        fuse_unk: false,
        byte_fallback: false,
        ignore_merges: false,
        vocab: Object.fromEntries([endOfText, ...names].map((name, id) => [name, id])),
        // The older of the two forms: every reader knows it, and byte-level symbols have no spaces.
        merges: merges.map(([left, right]) => `${names[left]} ${names[right]}`),
      },
    },
    null,
    1,
  )}\n`
}

function byteCharacters(): string[] {
  let next = 0x100
  return Array.from({ length: 256 }, (_, byte) => {
    const printable = (byte > 0x20 && byte < 0x7f) || (byte > 0xa0 && byte !== 0xad)
    return String.fromCharCode(printable ? byte : next++)
  })
}
