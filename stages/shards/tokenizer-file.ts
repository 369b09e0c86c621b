import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { Tokenizer } from 'tokenizers'
import type { TokenizerFacts } from '../../schemas/tokenized.ts'
import { UserError } from '../../schemas/user-error.ts'

/** What of a tokenizer.json decides how text may be encoded. */
export interface TokenizerDescription {
  readonly added_tokens?: readonly { readonly content: string; readonly id: number }[]
  readonly normalizer?: unknown
  readonly pre_tokenizer?: PreTokenizerDescription | null
  readonly model: { readonly dropout?: number | null }
}

export interface PreTokenizerDescription {
  readonly type: string
  readonly add_prefix_space?: boolean
  readonly use_regex?: boolean
}

export interface TokenizerFile extends TokenizerFacts {
  readonly path: string
  readonly description: TokenizerDescription
  /** Encodes text whole: what the file says of truncation and padding is for batches of a model, not for a corpus. */
  readonly tokenizer: Tokenizer
}

/** Batches hold ids as 32-bit integers with a sign. */
const idsHeld = 2 ** 31

/**
 * Opens any tokenizer.json of Hugging Face's format.
 * @throws UserError where there is none, or one that cannot be read, does not encode the same text the same way, or has
 * ids that batches cannot hold.
 */
export async function openTokenizer(path: string): Promise<TokenizerFile> {
  const bytes = await readTokenizer(path)
  const { tokenizer, description } = parse(path, bytes)
  if (description.model.dropout) {
    throw new UserError(
      `\`${path}\` encodes at random (model.dropout is ${description.model.dropout}): set it to null.`,
    )
  }
  tokenizer.disableTruncation()
  tokenizer.disablePadding()
  let vocabulary = 0
  // Ids may have gaps, which a model needs rows for all the same.
  for (const id of Object.values(tokenizer.getVocab(true))) vocabulary = Math.max(vocabulary, id + 1)
  if (vocabulary > idsHeld) {
    throw new UserError(
      `\`${path}\` has the token id ${vocabulary - 1}, and ids must be below ${idsHeld}: give its tokens smaller ids.`,
    )
  }
  return { path, sha256: hash(bytes), vocabulary, description, tokenizer }
}

/** SHA-256 of a tokenizer.json, in hex. @throws UserError where there is none. */
export async function tokenizerHash(path: string): Promise<string> {
  return hash(await readTokenizer(path))
}

function hash(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex')
}

async function readTokenizer(path: string): Promise<Buffer> {
  try {
    return await readFile(path)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT') {
      throw new UserError(
        `There is no tokenizer at \`${path}\`: give the path of a tokenizer.json, or train one.`,
      )
    }
    throw new UserError(
      `The tokenizer at \`${path}\` cannot be read (${code}): give the path of a tokenizer.json.`,
    )
  }
}

function parse(path: string, bytes: Buffer): Pick<TokenizerFile, 'tokenizer' | 'description'> {
  try {
    const json = bytes.toString('utf8')
    return { tokenizer: Tokenizer.fromString(json), description: JSON.parse(json) as TokenizerDescription }
  } catch (error) {
    const reason = (error as Error).message.replaceAll(/\s+/g, ' ').replace(/\.$/, '')
    throw new UserError(`\`${path}\` is not a tokenizer.json (${reason}): give one of Hugging Face's format.`)
  }
}
