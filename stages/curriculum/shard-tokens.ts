import { createHash } from 'node:crypto'
import { readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { TokenLists } from '../../schemas/tokenized.ts'
import { UserError } from '../../schemas/user-error.ts'
import { finishedUnits, readManifest, readPlan } from '../shards/manifest-file.ts'
import type { Shards } from '../shards/open-shards.ts'
import { openTokenizer } from '../shards/tokenizer-file.ts'
import { endOfText } from '../shards/tokenizer-json.ts'
import type { Log } from '../stage.ts'
import type { CorpusDescription } from '../training/messages.ts'
import { openTokenStore, type TokenStore, writeTokenStore } from './token-store.ts'

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
}

/**
 * Opens the token store of shards, `orders/KEY.tokens` in their folder, and writes it first where there is none: one
 * pass over the shards, a record batch in memory. Orders over the same shards share it; one of earlier shards is removed.
 *
 * @throws UserError where the tokenizer has no `<|endoftext|>`.
 */
export async function openShardTokens(shards: Shards, signal: AbortSignal, log: Log): Promise<ShardTokens> {
  const { tokenizer } = await openTokenizer(shards.tokenizerPath)
  const separator = tokenizer.tokenToId(endOfText)
  if (separator === null) {
    throw new UserError(
      `The tokenizer \`${shards.tokenizerPath}\` has no token \`${endOfText}\`, which separates documents: score with one that has it, or let \`score\` train one.`,
    )
  }
  const facts = { documents: shards.rows, tokens: shards.tokenCount, vocabulary: shards.vocabulary }
  const folder = join(shards.folder, 'orders')
  const key = await tokensKey(shards.folder, separator)
  const name = `${key}.tokens`
  let store = await openTokenStore(join(folder, name), facts)
  if (!store) {
    log(
      `Laying out ${shards.tokenCount.toLocaleString('en')} tokens of \`${shards.folder}\`, once for all orders.`,
    )
    await writeTokenStore(join(folder, name), facts, separator, tokenLists(shards, signal))
    await removeOthers(folder, name)
    store = await openTokenStore(join(folder, name), facts)
    if (!store)
      throw new Error(`\`${join(folder, name)}\` does not hold the tokens that the manifest counts.`)
  }
  const { starts } = store
  const firstDocuments = new Map<number, number>()
  let documents = 0
  for (const { part, rows } of shards.parts) {
    firstDocuments.set(part, documents)
    documents += rows
  }
  return {
    store,
    key,
    corpus: { shards: shards.folder, vocabulary: shards.vocabulary, endOfText: separator },
    locate: (part, row) => starts[(firstDocuments.get(part) as number) + row],
  }
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

async function removeOthers(folder: string, name: string): Promise<void> {
  for (const other of await readdir(folder)) {
    if (other.endsWith('.tokens') && other !== name) await rm(join(folder, other), { force: true })
  }
}
