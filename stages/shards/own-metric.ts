import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { z } from 'zod'
import { documentsSchema } from '../../schemas/documents.ts'
import { UserError } from '../../schemas/user-error.ts'
import type { Gauge, Metric } from '../../scoring/metric.ts'
import { fileHash } from '../file-hash.ts'

/** Columns that are there already. */
const taken = [...documentsSchema.fields.map(({ name }) => name), 'tokens', 'bytes', 'part', 'row']

const metricSchema = z.object({
  name: z
    .string()
    .regex(/^[a-z][a-z0-9]*(-[a-z0-9]+)*$/, { error: 'is not in kebab-case' })
    .refine((name) => !taken.includes(name), { error: 'is the name of another column' }),
  version: z.int({ error: 'is not a whole number' }),
  hardEnd: z.enum(['high', 'low'], { error: "is neither 'high' nor 'low'" }),
  open: z.custom<Metric['open']>((open) => typeof open === 'function', { error: 'is not a function' }),
})

/** What scoring needs of a metric; the rest of `Metric` is for readers. */
export type OwnMetric = z.output<typeof metricSchema>

/**
 * Loads the metric that a file of the user's exports as its default.
 * @param path relative to the working folder
 * @throws UserError where there is no such file, it cannot be loaded or it exports no metric.
 */
export async function loadOwnMetric(path: string): Promise<{ metric: OwnMetric; sha256: string }> {
  const sha256 = await metricHash(path)
  let exported: unknown
  try {
    exported = ((await import(pathToFileURL(resolve(path)).href)) as { default?: unknown }).default
  } catch (error) {
    throw new UserError(
      `The metric in \`${path}\` cannot be loaded (${reasonOf(error)}): mend it so that \`node ${path}\` runs.`,
    )
  }
  const metric = metricSchema.safeParse(exported)
  // Called on what was exported, which may be an object that needs its `this`.
  const open = () => openOwn(path, exported as OwnMetric)
  if (metric.success) return { metric: { ...metric.data, open }, sha256 }
  const [{ path: keys, message }] = metric.error.issues
  const problem =
    keys.length === 0 ? 'its default export is no object' : `its \`${keys.join('.')}\` ${message}`
  throw new UserError(
    `\`${path}\` exports no metric, ${problem}: export default { name, version, hardEnd, open }, as docs/metrics.md describes it.`,
  )
}

async function openOwn(path: string, metric: OwnMetric): Promise<Gauge> {
  let gauge: Partial<Gauge> | undefined
  try {
    gauge = await metric.open()
  } catch (error) {
    throw new UserError(`\`open\` of the metric in \`${path}\` failed: ${reasonOf(error)}.`)
  }
  if (typeof gauge?.measure === 'function') return gauge as Gauge
  throw new UserError(
    `\`open\` of the metric in \`${path}\` gives nothing to measure with: let it return { flags, measure(document) }, or a promise of that.`,
  )
}

/** One line of what was thrown, which may be anything. */
export function reasonOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error)
  return text.replaceAll(/\s+/g, ' ').replace(/\.$/, '')
}

async function metricHash(path: string): Promise<string> {
  try {
    return await fileHash(path)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    throw new UserError(
      `The metric file \`${path}\` cannot be read (${code}): give its path from the folder in which the command runs.`,
    )
  }
}
