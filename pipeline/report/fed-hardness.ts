import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import { orderColumns, type OrderReport } from '../../schemas/order.ts'
import { UserError } from '../../schemas/user-error.ts'
import { readOrder, readOrderReport } from '../../stages/curriculum/order-file.ts'
import { difficultyWeights, effectiveOptions, orderOptions } from '../../stages/curriculum/order-options.ts'
import type { Shards } from '../../stages/shards/open-shards.ts'
import type { Place } from './plot-data.ts'
import { optionsOf, type RunFolder } from './run-folder.ts'

/**
 * Mean hardness rank, in [0, 1], of the tokens of each step, those to come included, as the run's order has them; none
 * where the run's order is not among those that the shards keep.
 */
export async function fedHardness(run: RunFolder, shards: Shards): Promise<Place[]> {
  const pack = optionsOf(run, 'pack') as { rows: number; length: number } | undefined
  const found = pack && (await findOrder(run, shards))
  if (!found) return []
  const { accumulate = 1 } = (optionsOf(run, 'optimize') ?? {}) as { accumulate?: number }
  const tokensOfBatch = pack.rows * pack.length
  const tokensOfStep = tokensOfBatch * accumulate
  const batches = Math.floor(found.report.tokens / tokensOfBatch)
  const sums = new Float64Array(Math.ceil(batches / accumulate))
  const total = batches * tokensOfBatch
  let read = 0
  for await (const batch of readOrder(found.path, shards.folder)) {
    const { tokens, hardness } = orderColumns(batch)
    for (let i = 0; i < tokens.length && read < total; i++) {
      // With the document's separator.
      const end = Math.min(total, read + tokens[i] + 1)
      while (read < end) {
        const step = Math.floor(read / tokensOfStep)
        const until = Math.min(end, (step + 1) * tokensOfStep)
        sums[step] += hardness[i] * (until - read)
        read = until
      }
    }
  }
  return [...sums].map((sum, step) => ({
    x: step,
    y: sum / Math.min(tokensOfStep, total - step * tokensOfStep),
  }))
}

interface FoundOrder {
  readonly path: string
  readonly report: OrderReport
}

/** The newest order of the shards that was made with the run's options. */
async function findOrder(run: RunFolder, shards: Shards): Promise<FoundOrder | undefined> {
  const given = orderOptions.safeParse(optionsOf(run, 'order'))
  if (!given.success) return undefined
  const weights = difficultyWeights(
    given.data,
    shards.metrics.map(({ name }) => name),
  )
  const wanted = effectiveOptions(given.data, weights)
  const folder = join(shards.folder, 'orders')
  const names = await readdir(folder).catch(() => [])
  let newest: (FoundOrder & { readonly time: number }) | undefined
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
