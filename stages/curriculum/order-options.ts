import { z } from 'zod'
import { pacings } from '../training/schedules/pacing.ts'
import type { OrderSettings } from './orders/order.ts'
import { type OrderName, orders } from './orders/orders.ts'

/** The three signals that arXiv 2506.11300 finds best, alike in weight. */
const defaultDifficulty = { 'compression-ratio': 1, mtld: 1, flesch: 1 }

const defaultSettings: OrderSettings = { groups: 10, pacing: 'linear', share: 0.3, until: 0.2 }

const names = Object.keys(orders) as OrderName[]

export const orderOptions = z
  .strictObject({
    order: z
      .enum(names)
      .default('random')
      .describe(names.map((name) => `${name}: ${orders[name].summary}`).join(' ')),
    difficulty: z
      .record(z.string(), z.number().gte(0))
      .refine((weights) => Object.values(weights).some((weight) => weight > 0), {
        error: 'at least one weight must be above zero',
      })
      .optional()
      .describe(
        'Weight of each metric in the mean of ranks that is the difficulty [default: compression-ratio, mtld, flesch alike]',
      ),
    tokens: z
      .int()
      .positive()
      .optional()
      .describe('Tokens that the run predicts: rows · length · steps [default: one pass over the documents]'),
    seed: z
      .int()
      .gte(0)
      .lt(2 ** 32)
      .default(1)
      .describe('Another seed gives another shuffle'),
    groups: z
      .int()
      .min(1)
      .max(2 ** 16)
      .optional()
      .describe(
        `Order phases: groups of equal size into which difficulty is cut [default: ${defaultSettings.groups}]`,
      ),
    pacing: z
      .enum(pacings)
      .optional()
      .describe(`Order phases: how fast groups open [default: ${defaultSettings.pacing}]`),
    share: z
      .number()
      .gt(0)
      .lte(1)
      .optional()
      .describe(`Order warm-up: share of the tokens that counts as easy [default: ${defaultSettings.share}]`),
    until: z
      .number()
      .gte(0)
      .lte(1)
      .optional()
      .describe(`Order warm-up: progress in [0, 1] at which it ends [default: ${defaultSettings.until}]`),
  })
  .superRefine((options, context) => {
    for (const name of Object.keys(defaultSettings) as (keyof OrderSettings)[]) {
      if (options[name] === undefined || orders[options.order].takes.includes(name)) continue
      const takers = names.filter((order) => orders[order].takes.includes(name))
      context.addIssue({
        code: 'custom',
        path: [name],
        message: `\`${name}\` belongs to order ${takers.join(', ')}; order ${options.order} has no use for it`,
      })
    }
  })

export type OrderOptions = z.output<typeof orderOptions>

/** Weights of the metrics that make up the difficulty, of those that the shards have. */
export function difficultyWeights(
  { order, difficulty }: OrderOptions,
  available: readonly string[],
): Readonly<Record<string, number>> {
  if (difficulty) return Object.fromEntries(Object.entries(difficulty).filter(([, weight]) => weight > 0))
  // A random order needs no difficulty: it must not ask for metrics that nobody named.
  if (order === 'random') {
    return Object.fromEntries(Object.entries(defaultDifficulty).filter(([name]) => available.includes(name)))
  }
  return defaultDifficulty
}

/** The settings with their defaults. */
export function orderSettings(options: OrderOptions): OrderSettings {
  const { groups, pacing, share, until } = defaultSettings
  return {
    groups: options.groups ?? groups,
    pacing: options.pacing ?? pacing,
    share: options.share ?? share,
    until: options.until ?? until,
  }
}

/** The options that the order depends on, defaults included: what its key and its report hold. */
export function effectiveOptions(
  options: OrderOptions,
  weights: Readonly<Record<string, number>>,
): Readonly<Record<string, unknown>> {
  const settings = orderSettings(options)
  const taken = orders[options.order].takes.map((name) => [name, settings[name]] as const)
  const difficulty = Object.fromEntries(Object.entries(weights).sort(([a], [b]) => (a < b ? -1 : 1)))
  return { order: options.order, seed: options.seed, difficulty, ...Object.fromEntries(taken) }
}
