import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { UserError } from '../../schemas/user-error.ts'
import { openShards, type Shards } from '../shards/open-shards.ts'
import type { Verification } from '../verification.ts'
import { readOrderReport } from './order-file.ts'
import { openTokenStore } from './token-store.ts'

/** Tokens read at a time. */
const stretch = 1 << 16

/** Reads every order of a folder of shards, and the tokens that are laid out for them. Changes nothing. */
export async function verifyOrders(folder: string, verification: Verification): Promise<void> {
  const names = (await readdir(join(folder, 'orders')).catch(() => [])).sort()
  for (const name of names) {
    const path = join(folder, 'orders', name)
    if (name.endsWith('.arrow')) await verification.check(() => readOrderReport(path))
    // What cannot be opened has been said of the shards already.
    const shards = name.endsWith('.tokens') && (await openShards(folder).catch(() => undefined))
    if (shards) await verification.check(() => readTokens(path, shards))
  }
}

async function readTokens(path: string, { rows, tokenCount, vocabulary }: Shards): Promise<void> {
  const store = await openTokenStore(path, { documents: rows, tokens: tokenCount, vocabulary })
  if (!store) throw new UserError(`\`${path}\` is damaged or of other shards: the next run makes it anew.`)
  try {
    const end = store.starts[rows]
    for (let at = 0; at < end; at += stretch) store.read(at, new Int32Array(Math.min(stretch, end - at)))
  } finally {
    store.close()
  }
}
