import { orderColumns } from '../../schemas/order.ts'
import { UserError } from '../../schemas/user-error.ts'
import { readOrder } from '../../stages/curriculum/order-file.ts'
import { openShardTokens } from '../../stages/curriculum/shard-tokens.ts'
import type { Shards } from '../../stages/shards/open-shards.ts'
import { openTokenizer } from '../../stages/shards/tokenizer-file.ts'
import type { Log } from '../../stages/stage.ts'
import { optionsOf, type RunFolder } from './run-folder.ts'
import { findOrder } from './run-order.ts'
import { visibleToken } from './shown-text.ts'
import { onOneLine } from '../terminal-text.ts'

/** A token that was kept often in a step. */
export interface KeptToken {
  readonly id: number
  readonly step: number
}

/** A place of the text that a step was fed. */
export interface TokenContext {
  readonly before: string
  readonly token: string
  readonly after: string
}

/** Tokens on either side that are shown. */
const [tokensBefore, tokensAfter] = [14, 10]

/**
 * Where tokens stand in the documents of their step, one place each: of the places where they do, the first with enough
 * text before it. Undefined where the token is not found, or the run's order or its tokens are not at hand.
 */
export async function tokenContexts(
  run: RunFolder,
  shards: Shards,
  wanted: readonly KeptToken[],
  log: Log,
): Promise<(TokenContext | undefined)[]> {
  try {
    const documents = await documentsOfSteps(run, shards, new Set(wanted.map(({ step }) => step)))
    const { store, locate } = await openShardTokens(shards, new AbortController().signal, log)
    try {
      const { tokenizer } = await openTokenizer(shards.tokenizerPath)
      const decode = (ids: Int32Array) => tokenizer.decode([...ids], false)
      return await Promise.all(
        wanted.map(async ({ id, step }) => {
          const found = (documents.get(step) ?? []).map(({ part, row, tokens }) => {
            const ids = new Int32Array(tokens)
            store.read(locate(part, row), ids)
            return { ids, at: bestPlace(ids, id) }
          })
          const place = found.find(({ at }) => at >= tokensBefore) ?? found.find(({ at }) => at >= 0)
          if (!place) return undefined
          const { ids, at } = place
          return {
            before: readable(await decode(ids.subarray(Math.max(0, at - tokensBefore), at)), /^\uFFFD+/),
            token: visibleToken(await decode(ids.subarray(at, at + 1))),
            after: readable(await decode(ids.subarray(at + 1, at + 1 + tokensAfter)), /\uFFFD+$/),
          }
        }),
      )
    } finally {
      store.close()
    }
  } catch (error) {
    // Shards that were damaged or replaced since leave the page without places, and not the user without a page.
    if (!(error instanceof UserError)) throw error
    log(error.message)
    return wanted.map(() => undefined)
  }
}

interface OrderedDocument {
  readonly part: number
  readonly row: number
  readonly tokens: number
}

/** Documents of which steps were fed a part, by step. */
async function documentsOfSteps(
  run: RunFolder,
  shards: Shards,
  steps: ReadonlySet<number>,
): Promise<ReadonlyMap<number, readonly OrderedDocument[]>> {
  const found = new Map([...steps].map((step) => [step, [] as OrderedDocument[]]))
  const pack = optionsOf(run, 'pack') as { rows: number; length: number } | undefined
  const order = pack && (await findOrder(run, shards))
  if (!order) return found
  const { accumulate = 1 } = (optionsOf(run, 'optimize') ?? {}) as { accumulate?: number }
  const tokensOfStep = pack.rows * pack.length * accumulate
  const end = (Math.max(...steps) + 1) * tokensOfStep
  let read = 0
  for await (const batch of readOrder(order.path, shards.folder)) {
    const { part, row, tokens } = orderColumns(batch)
    for (let i = 0; i < tokens.length && read < end; i++) {
      // With the document's separator.
      const next = read + tokens[i] + 1
      for (let step = Math.floor(read / tokensOfStep); step * tokensOfStep < next; step++) {
        found.get(step)?.push({ part: part[i], row: row[i], tokens: tokens[i] })
      }
      read = next
    }
    if (read >= end) break
  }
  return found
}

/** The first place of an id with enough before it, else the last one; −1 where there is none. */
function bestPlace(ids: Int32Array, id: number): number {
  const first = ids.indexOf(id, tokensBefore)
  return first >= 0 ? first : ids.lastIndexOf(id)
}

/** Text on one line, without the parts of a character that its first or last token may be cut from. */
function readable(text: string, cut: RegExp): string {
  // The marks keep the space beside the token.
  return onOneLine(`|${text.replace(cut, '')}|`).slice(1, -1)
}
