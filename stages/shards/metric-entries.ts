import { z } from 'zod'
import { UserError } from '../../schemas/user-error.ts'
import type { Metric } from '../../scoring/metric.ts'
import { metricNamed, metrics } from '../../scoring/metrics.ts'
import { mtldMetricBy, mtldPresets } from '../../scoring/mtld.ts'
import type { NgramCounts, NgramOrder } from '../../scoring/ngram-counts.ts'
import { interpolations, ngramPerplexityMetric } from '../../scoring/ngram-perplexity.ts'
import { loadOwnMetric, type OwnMetric } from './own-metric.ts'

/** Of the metrics that come with gradus. */
export const metricNames = [...metrics.map(({ name }) => name), 'ngram-perplexity']

/** Options of the metrics that have some. */
const options = {
  mtld: z.strictObject({
    preset: z.enum(mtldPresets).default('strict').describe('Whose rules decide where a factor ends'),
  }),
  'ngram-perplexity': z.strictObject({
    order: z.literal([1, 2, 3]).default(3).describe('Tokens of the longest n-grams'),
    interpolate: z
      .enum(interpolations)
      .default('probabilities')
      .describe('What is averaged over the models of one token, two and so on'),
  }),
}

/** An entry of `metrics`: a metric's name, a map from its name to its options, or the path of a file of the user's. */
export const metricEntry = z.union(
  [
    z.enum(metricNames),
    z.strictObject({ mtld: options.mtld }),
    z.strictObject({ 'ngram-perplexity': options['ngram-perplexity'] }),
    z.string().regex(/\.m?js$/, { abort: true }),
  ],
  { error: ({ input }) => mistakeIn(input) },
)

export type MetricEntry = z.output<typeof metricEntry>

/** Loads the counts that n-gram perplexity is measured against, of n-grams of that many tokens at least. */
export type OpenCounts = (order: NgramOrder) => Promise<NgramCounts>

/** A metric to score by. */
export interface ChosenMetric {
  readonly metric: OwnMetric
  /** The file that it comes from, where it is the user's own. */
  readonly file?: string
  /** Whether its values may change with the tokenizer. */
  readonly needsTokens: boolean
  /** What decides its values besides the document. */
  readonly identity: { readonly name: string; readonly version: number; readonly file?: string }
}

/**
 * The metrics that entries amount to, in their order.
 * @throws UserError where a file holds no metric, or two metrics have one name.
 */
export async function chooseMetrics(
  entries: readonly MetricEntry[],
  openCounts: OpenCounts,
): Promise<ChosenMetric[]> {
  const chosen = await Promise.all(entries.map((entry) => choose(entry, openCounts)))
  chosen.forEach(({ metric: { name }, file }, index) => {
    const isTaken =
      metricNames.includes(name) || chosen.findIndex(({ metric }) => metric.name === name) !== index
    if (file === undefined || !isTaken) return
    throw new UserError(
      `The metric in \`${file}\` is called \`${name}\`, and so is another one: give it a name of its own.`,
    )
  })
  return chosen
}

async function choose(entry: MetricEntry, openCounts: OpenCounts): Promise<ChosenMetric> {
  const file = ownFile(entry)
  if (file !== undefined) {
    const { metric, sha256 } = await loadOwnMetric(file)
    // It is given the tokens, and nobody can tell whether it looks at them.
    return {
      metric,
      file,
      needsTokens: true,
      identity: { name: metric.name, version: metric.version, file: sha256 },
    }
  }
  const metric = builtIn(entry, openCounts)
  const { name, version, needsTokens } = metric
  return { metric, needsTokens, identity: { name, version } }
}

function builtIn(entry: MetricEntry, openCounts: OpenCounts): Metric {
  if (typeof entry !== 'string' && 'mtld' in entry) return mtldMetricBy(entry.mtld.preset)
  if (!needsNgrams(entry)) return metricNamed(entry)
  const chosen = options['ngram-perplexity'].parse(typeof entry === 'string' ? {} : entry['ngram-perplexity'])
  return ngramPerplexityMetric(chosen, () => openCounts(chosen.order))
}

/** The file of the user's that an entry names. */
export function ownFile(entry: MetricEntry): string | undefined {
  return typeof entry === 'string' && !metricNames.includes(entry) ? entry : undefined
}

/** Whether an entry, checked or not, is measured against counts over the corpus. */
export function needsNgrams(entry: unknown): entry is 'ngram-perplexity' | { 'ngram-perplexity': unknown } {
  return entry === 'ngram-perplexity' || (isMap(entry) && Object.hasOwn(entry, 'ngram-perplexity'))
}

/** Tokens of the longest n-grams that a checked entry is measured by; 0 where it needs none. */
export function ngramOrder(entry: MetricEntry): number {
  if (typeof entry !== 'string') return 'ngram-perplexity' in entry ? entry['ngram-perplexity'].order : 0
  return entry === 'ngram-perplexity' ? options['ngram-perplexity'].parse({}).order : 0
}

/** Names the columns that entries give, as far as they say so: those of the user's files are known when they are loaded. */
export function columnNames(entries: readonly MetricEntry[]): string[] {
  const unused = () => Promise.reject(new Error('Only the name is asked for.'))
  return entries.map((entry) => ownFile(entry) ?? builtIn(entry, unused).name)
}

function mistakeIn(entry: unknown): string {
  const known = `use one of ${metricNames.join(', ')}, or the path of a file (.js, .mjs) with a metric of your own`
  if (typeof entry === 'string') return `there is no metric "${entry}"; ${known}`
  const [name, ...others] = isMap(entry) ? Object.keys(entry) : []
  if (name === undefined || others.length > 0) {
    return `an entry is a metric's name, or a map of one name to its options, as in {mtld: {preset: lexicalrichness}}; ${known}`
  }
  if (!metricNames.includes(name)) return `there is no metric "${name}"; ${known}`
  if (!Object.hasOwn(options, name)) return `${name} has no options; write its name alone`
  const result = options[name as keyof typeof options].safeParse((entry as Record<string, unknown>)[name])
  const [issue] = result.error?.issues ?? []
  return `${[name, ...(issue?.path ?? [])].join('.')}: ${issue?.message}`
}

function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
