import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { UserError } from '../../schemas/user-error.ts'
import { openShards, type Shards } from '../shards/open-shards.ts'
import type { Verification } from '../verification.ts'
import { readOrderReport } from './order-file.ts'
import { stateOfTokenStore } from './token-store.ts'

/** Reads every order of a folder of shards, and the tokens that are laid out for them. Changes nothing. */
export async function verifyOrders(folder: string, verification: Verification): Promise<void> {
  const names = (await readdir(join(folder, 'orders')).catch(() => [])).sort()
  for (const name of names) {
    const path = join(folder, 'orders', name)
    if (name.endsWith('.arrow')) await verification.check(() => readOrderReport(path))
    // What cannot be opened has been said of the shards already.
    const shards = name.endsWith('.tokens') && (await openShards(folder).catch(() => undefined))
    if (shards) await verification.check(() => checkTokens(path, shards))
  }
}

async function checkTokens(path: string, { rows, tokenCount, vocabulary }: Shards): Promise<void> {
  const facts = { documents: rows, tokens: tokenCount, vocabulary }
  if ((await stateOfTokenStore(path, facts)) === 'whole') return
  throw new UserError(`\`${path}\` is damaged or of other shards: the next run makes it anew.`)
}
