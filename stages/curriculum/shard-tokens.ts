import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { readdir, rm } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import type { TokenLists } from '../../schemas/tokenized.ts'
import { UserError } from '../../schemas/user-error.ts'
import type { DerivedFileState } from '../derived-file.ts'
import { finishedUnits, readManifest, readPlan } from '../shards/manifest-file.ts'
import type { Shards } from '../shards/open-shards.ts'
import { openTokenizer } from '../shards/tokenizer-file.ts'
import { endOfText } from '../shards/tokenizer-json.ts'
import { removeAbandoned } from '../shared-partials.ts'
import type { Log } from '../stage.ts'
import type { CorpusDescription } from '../training/messages.ts'
import {
  DamagedTokens,
  openTokenStore,
  stateOfTokenStore,
  type TokenStore,
  writeTokenStore,
} from './token-store.ts'

/** Raised when the same tokens would be stored in another way. */
const storeVersion = 2

/** The tokens of a corpus, any document of it at hand. The caller closes the store. */
export interface ShardTokens {
  readonly store: TokenStore
  /** Equal keys mean equal tokens. */
  readonly key: string
  readonly corpus: CorpusDescription
  /** Where in the store a row of a part begins. */
  readonly locate: (part: number, row: number) => number
  /** Runs what reads the store. Where it meets damage, the tokens are laid out anew and it is run again, once. */
  mending<T>(read: () => T): Promise<T>
}

/**
 * Opens the token store of shards, `orders/KEY.tokens` in their folder, and writes it first where there is none, or one
 * that is damaged: one pass over the shards, a record batch in memory. Orders over the same shards share it; one of
 * earlier shards is removed.
 *
 * @throws UserError where the tokenizer has no `<|endoftext|>`.
 */
export async function openShardTokens(shards: Shards, signal: AbortSignal, log: Log): Promise<ShardTokens> {
  const { path, key, separator, facts } = await placeOf(shards)
  const layOut = async (): Promise<TokenStore> => {
    const tokens = `${shards.tokenCount.toLocaleString('en')} tokens of \`${shards.folder}\``
    if (existsSync(path)) log(`\`${path}\` is damaged: laying out ${tokens} anew.`)
    else log(`Laying out ${tokens}, once for all orders.`)
    await removeAbandoned(dirname(path))
    await writeTokenStore(path, facts, separator, tokenLists(shards, signal))
    await removeOthers(path)
    const store = await openTokenStore(path, facts)
    if (!store) throw new Error(`\`${path}\` does not hold the tokens that the manifest counts.`)
    return store
  }
  let current = (await openTokenStore(path, facts)) ?? (await layOut())
  const { starts, vocabulary } = current
  const firstDocuments = new Map<number, number>()
  let documents = 0
  for (const { part, rows } of shards.parts) {
    firstDocuments.set(part, documents)
    documents += rows
  }
  return {
    store: {
      starts,
      vocabulary,
      read: (start, into) => current.read(start, into),
      close: () => current.close(),
    },
    key,
    corpus: { shards: shards.folder, vocabulary, endOfText: separator },
    locate: (part, row) => starts[(firstDocuments.get(part) as number) + row],
    async mending(read) {
      try {
        return read()
      } catch (error) {
        if (!(error instanceof DamagedTokens)) throw error
        const anew = await layOut()
        current.close()
        current = anew
        return read()
      }
    },
  }
}

/** Where the tokens of shards lie flat, and what there is of them, read to the last byte. Changes nothing. */
export async function stateOfShardTokens(
  shards: Shards,
): Promise<{ readonly path: string; readonly state: DerivedFileState }> {
  const { path, facts } = await placeOf(shards)
  return { path, state: await stateOfTokenStore(path, facts) }
}

/** @throws UserError where the tokenizer has no `<|endoftext|>`. */
async function placeOf(shards: Shards) {
  const { tokenizer } = await openTokenizer(shards.tokenizerPath)
  const separator = tokenizer.tokenToId(endOfText)
  if (separator === null) {
    throw new UserError(
      `The tokenizer \`${shards.tokenizerPath}\` has no token \`${endOfText}\`, which separates documents: score with one that has it, or let \`score\` train one.`,
    )
  }
  const key = await tokensKey(shards.folder, separator)
  const facts = { documents: shards.rows, tokens: shards.tokenCount, vocabulary: shards.vocabulary }
  return { path: join(shards.folder, 'orders', `${key}.tokens`), key, separator, facts }
}

async function* tokenLists(shards: Shards, signal: AbortSignal): AsyncGenerator<TokenLists> {
  for (const { part } of shards.parts) {
    for await (const lists of shards.tokens(part)) {
      signal.throwIfAborted()
      yield lists
    }
  }
}

/** Equal keys mean equal stores: the files of tokens by their checksums, and the separator. */
async function tokensKey(folder: string, separator: number): Promise<string> {
  const [plan, manifest] = [await readPlan(folder), await readManifest(folder)]
  const units = plan && manifest ? finishedUnits(plan, manifest) : []
  const files = units.map((line) => [line?.unit, line?.part?.tokensFile.sha256])
  const hash = createHash('sha256').update(JSON.stringify({ storeVersion, separator, files }))
  return hash.digest('hex').slice(0, 32)
}

/** Removes the tokens of earlier shards. */
async function removeOthers(path: string): Promise<void> {
  for (const name of await readdir(dirname(path))) {
    if (name.endsWith('.tokens') && name !== basename(path)) {
      await rm(join(dirname(path), name), { force: true })
    }
  }
}
