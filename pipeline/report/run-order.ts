import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import type { OrderReport } from '../../schemas/order.ts'
import { UserError } from '../../schemas/user-error.ts'
import { readOrderReport } from '../../stages/curriculum/order-file.ts'
import { difficultyWeights, effectiveOptions, orderOptions } from '../../stages/curriculum/order-options.ts'
import type { Shards } from '../../stages/shards/open-shards.ts'
import { optionsOf, type RunFolder } from './run-folder.ts'

export interface RunOrder {
  /** Of the file. */
  readonly path: string
  readonly report: OrderReport
}

/** The newest order of the shards that was made with the run's options. */
export async function findOrder(run: RunFolder, shards: Shards): Promise<RunOrder | undefined> {
  const given = orderOptions.safeParse(optionsOf(run, 'order'))
  if (!given.success) return undefined
  const weights = difficultyWeights(
    given.data,
    shards.metrics.map(({ name }) => name),
  )
  const wanted = effectiveOptions(given.data, weights)
  const folder = join(shards.folder, 'orders')
  const names = await readdir(folder).catch(() => [])
  let newest: (RunOrder & { readonly time: number }) | undefined
  for (const name of names.filter((name) => name.endsWith('.arrow'))) {
    const path = join(folder, name)
    const report = await reportOf(path)
    if (!report) continue
    const isOnePass = report.documents === report.available
    const { tokens, ...options } = report.options
    if (given.data.tokens === undefined ? !isOnePass : tokens !== given.data.tokens) continue
    if (!isDeepStrictEqual(options, wanted)) continue
    const { mtimeMs: time } = await stat(path)
    if (!newest || time > newest.time) newest = { path, report, time }
  }
  return newest
}

/** Undefined for an order that is damaged, or was removed in the meantime. */
async function reportOf(path: string): Promise<OrderReport | undefined> {
  try {
    return await readOrderReport(path)
  } catch (error) {
    if (error instanceof UserError || (error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}
