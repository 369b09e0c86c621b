import { UserError } from '../../schemas/user-error.ts'
import { openShards, type Shards } from '../../stages/shards/open-shards.ts'
import type { Log } from '../../stages/stage.ts'
import { type Inspection, inspectShards } from '../inspection.ts'
import { fedHardness } from './fed-hardness.ts'
import type { Place } from './plot-data.ts'
import { optionsOf, type RunFolder } from './run-folder.ts'
import { type KeptToken, type TokenContext, tokenContexts } from './token-contexts.ts'

/** The data of one or more runs. */
export interface Corpus {
  readonly folder: string
  /** Why there is nothing to say of it; undefined where there is. */
  readonly refusal: string | undefined
  readonly inspection: Inspection | undefined
  readonly shards: Shards | undefined
}

/** Shards that runs were trained on, looked at once each. */
export class Corpora {
  readonly #found = new Map<string, Promise<Corpus>>()
  readonly #fed = new Map<string, Promise<readonly Place[]>>()
  readonly #contexts = new Map<string, TokenContext>()

  /** The corpus of a run; undefined where its graph reads no shards. */
  async of(run: RunFolder): Promise<Corpus | undefined> {
    const folder = optionsOf(run, 'read-shards')?.shards as string | undefined
    if (folder === undefined) return undefined
    const found = this.#found.get(folder) ?? look(folder)
    this.#found.set(folder, found)
    return found
  }

  /** Mean hardness by step, as far as it can be told. */
  async fed(run: RunFolder): Promise<readonly Place[]> {
    const { shards } = (await this.of(run)) ?? {}
    if (!shards) return []
    const known = await this.#fed.get(run.folder)
    if (known && known.length > 0) return known
    const fed = fedHardness(run, shards)
    this.#fed.set(run.folder, fed)
    return fed
  }

  /** Where tokens stand in what their steps were fed; undefined where that cannot be told. */
  async contexts(
    run: RunFolder,
    tokens: readonly KeptToken[],
    log: Log,
  ): Promise<(TokenContext | undefined)[]> {
    const keyOf = ({ id, step }: KeptToken) => `${run.folder} ${id} ${step}`
    const { shards } = (await this.of(run)) ?? {}
    const missing = tokens.filter((token) => !this.#contexts.has(keyOf(token)))
    if (shards && missing.length > 0) {
      const found = await tokenContexts(run, shards, missing, log)
      missing.forEach((token, i) => {
        const context = found[i]
        if (context) this.#contexts.set(keyOf(token), context)
      })
    }
    return tokens.map((token) => this.#contexts.get(keyOf(token)))
  }
}

async function look(folder: string): Promise<Corpus> {
  try {
    const shards = await openShards(folder)
    return { folder, refusal: undefined, shards, inspection: await inspectShards(shards) }
  } catch (error) {
    if (!(error instanceof UserError)) throw error
    return { folder, refusal: error.message, shards: undefined, inspection: undefined }
  }
}
