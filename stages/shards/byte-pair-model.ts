import { PairTable } from './pair-table.ts'
import { characters } from './tokenizer-json.ts'

/** Byte-pair encoding of UTF-8 bytes: of all neighbours that can merge, the pair of the lowest rank does, the leftmost of equals first. */
export interface BytePairModel {
  /** `[256]` token id of each byte. */
  readonly byteIds: Int32Array
  /** Rank of the merge of two token ids. */
  readonly ranks: PairTable
  /** Token id that a merge makes, by its rank. */
  readonly made: Int32Array
  /** Bytes of each token that text can become, by id. */
  readonly texts: ReadonlyMap<number, Uint8Array>
}

/** A longer token would make it slow to find out how each comes about. */
const longestToken = 1024

const byteOf = new Map(characters.map((character, byte) => [character, byte]))

/**
 * The `model` of a tokenizer.json; undefined where it is another than byte-pair encoding of bytes, or has a member that
 * changes what comes out.
 */
export function bytePairModel(model: object): BytePairModel | undefined {
  const { type, vocab, merges, ignore_merges, ...affixes } = model as Partial<ModelJson>
  if (type !== 'BPE' || !vocab || !merges || ignore_merges) return undefined
  if (affixes.continuing_subword_prefix || affixes.end_of_word_suffix) return undefined
  const ids = new Map(Object.entries(vocab))
  // Where every byte has a token, nothing is unknown, and what the file says of that makes no difference.
  if (characters.some((character) => !ids.has(character))) return undefined
  const byteIds = Int32Array.from(characters, (character) => ids.get(character) as number)
  const texts = new Map<number, Uint8Array>(Array.from(byteIds, (id, byte) => [id, Uint8Array.of(byte)]))
  const names = new Set<string>(characters)
  const ranks = new PairTable()
  const made = new Int32Array(merges.length)
  for (const [rank, merge] of merges.entries()) {
    const [left, right] = typeof merge === 'string' ? merge.split(' ') : merge
    const bytes = bytesOf(left + right)
    const whole = ids.get(left + right)
    const parts = [ids.get(left), ids.get(right)]
    if (!bytes || whole === undefined || parts[0] === undefined || parts[1] === undefined) return undefined
    // Two pairs can make one token, as ab+c and a+bc do.
    ranks.set(parts[0], parts[1], rank)
    made[rank] = whole
    texts.set(whole, bytes)
    names.add(left + right)
  }
  // Two names with one id would leave open what the id stands for.
  return names.size === texts.size ? { byteIds, ranks, made, texts } : undefined
}

interface ModelJson {
  readonly type: string
  readonly vocab: Readonly<Record<string, number>>
  /** In order of rank, in either of the format's two forms. */
  readonly merges: readonly (string | readonly [string, string])[]
  readonly ignore_merges: boolean
  readonly continuing_subword_prefix: string | null
  readonly end_of_word_suffix: string | null
}

function bytesOf(name: string): Uint8Array | undefined {
  if (name.length > longestToken) return undefined
  const bytes = Array.from(name, (character) => byteOf.get(character))
  return bytes.includes(undefined) ? undefined : Uint8Array.from(bytes as number[])
}
