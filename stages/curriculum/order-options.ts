import { z } from 'zod'
import { pacings } from '../training/schedules/pacing.ts'
import {
  bestSignals,
  type DifficultyWeights,
  namedDifficulty,
  suggestedDifficulties,
} from './difficulty-presets.ts'
import { mixtureOption } from './mixture.ts'
import { measures, type OrderSettings } from './orders/order.ts'
import { type OrderName, orders } from './orders/orders.ts'

const names = Object.keys(orders) as OrderName[]

/** The orders that read a setting, with its default in each. */
function takers(setting: keyof OrderSettings): [OrderName, unknown][] {
  return names
    .map((name): [OrderName, unknown] => [name, orders[name].defaults[setting]])
    .filter(([, value]) => value !== undefined)
}

function described<T extends z.ZodType>(setting: keyof OrderSettings, type: T, meaning: string) {
  const defaults = takers(setting).map(([order, value]) => `${order}: ${String(value)}`)
  return type.optional().describe(`${meaning} [default by order: ${defaults.join(', ')}]`)
}

const settings = {
  groups: described(
    'groups',
    z
      .int()
      .min(1)
      .max(2 ** 16),
    'Groups of equal size into which difficulty is cut',
  ),
  pacing: described('pacing', z.enum(pacings), 'How fast the corpus opens'),
  by: described('by', z.enum(measures), 'Whether groups and pools are measured in tokens or documents'),
  share: described(
    'share',
    z.number().gte(0.001).lte(1),
    'Share of the corpus that counts as easy, or that the pool begins with',
  ),
  until: described('until', z.number().gte(0).lte(1), 'Progress in [0, 1] at which the phase ends'),
  segments: described(
    'segments',
    z
      .int()
      .min(1)
      .max(2 ** 16),
    'How often the run goes through all difficulties',
  ),
  peak: described('peak', z.number().gte(0).lte(1), 'Progress in [0, 1] at which the hardest documents come'),
  cycles: described('cycles', z.int().min(1).max(100), 'How often the pool grows to everything'),
  alpha: described(
    'alpha',
    z.number().gte(0.1).lte(0.9),
    'Size of a pool over that of the next larger one, between 0.1 and 0.9',
  ),
  abilities: described(
    'abilities',
    z.array(z.number()).min(1).max(1024),
    'Ability of the model in logits, at equal parts of the run, in straight lines between them',
  ),
  band: described(
    'band',
    z.number().gt(0).lt(0.5),
    'How far from one half the probability of being right may be',
  ),
} satisfies Record<keyof OrderSettings, z.ZodType>

const settingNames = Object.keys(settings) as (keyof OrderSettings)[]

const weights = z
  .record(z.string(), z.number().gte(0, { error: 'a weight must not be below zero' }))
  .refine((weights) => Object.values(weights).some((weight) => weight > 0), {
    error: 'at least one weight must be above zero',
  })

export const orderOptions = z
  .strictObject({
    order: z
      .enum(names)
      .default('random')
      .describe(names.map((name) => `${name}: ${orders[name].summary}`).join(' ')),
    difficulty: z
      .union([z.string().min(1), weights])
      .optional()
      .describe(
        `A metric, such as ${suggestedDifficulties.slice(1).join(', ')}; or best-signals, the mean rank of the first three; or a weight for each metric in the mean of ranks [default: best-signals]`,
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
    mixture: mixtureOption
      .optional()
      .describe(
        'Shares of the sources, fixed or by temperature, which hold at any time: each source goes through the order by itself; or shares that training decides on [default: as the corpus is]',
      ),
    ...settings,
    run: z
      .string()
      .optional()
      .describe(
        'Folder of an earlier run with a record-dynamics stage, on which `abilities` are measured [default: none]',
      ),
  })
  .superRefine((options, context) => {
    for (const name of settingNames) {
      if (options[name] === undefined || name in orders[options.order].defaults) continue
      const others = takers(name).map(([order]) => order)
      context.addIssue({
        code: 'custom',
        path: [name],
        message: `\`${name}\` belongs to order ${others.join(', ')}; order ${options.order} has no use for it`,
      })
    }
    if (options.mixture?.ucb && options.order !== 'random') {
      const message =
        '`ucb` goes with order random alone: nobody knows beforehand how much of a source will be read'
      context.addIssue({ code: 'custom', path: ['mixture', 'ucb'], message })
    }
    if (options.run === undefined) return
    const others = takers('abilities').map(([order]) => order)
    if (!others.includes(options.order)) {
      const message = `\`run\` belongs to order ${others.join(', ')}; order ${options.order} has no use for it`
      context.addIssue({ code: 'custom', path: ['run'], message })
    } else if (options.abilities) {
      context.addIssue({
        code: 'custom',
        path: ['abilities'],
        message: '`run` measures the abilities itself',
      })
    }
  })

export type OrderOptions = z.output<typeof orderOptions>

/** Weights of the metrics that make up the difficulty, of those that the shards have. */
export function difficultyWeights(
  { order, difficulty }: OrderOptions,
  available: readonly string[],
): DifficultyWeights {
  if (typeof difficulty === 'string') return namedDifficulty(difficulty)
  if (difficulty) return Object.fromEntries(Object.entries(difficulty).filter(([, weight]) => weight > 0))
  // A random order needs no difficulty: it must not ask for metrics that nobody named.
  if (order === 'random') {
    return Object.fromEntries(Object.entries(bestSignals).filter(([name]) => available.includes(name)))
  }
  return bestSignals
}

/** The settings that the order reads, its own defaults filled in. */
export function orderSettings(options: OrderOptions): Partial<OrderSettings> {
  const { defaults } = orders[options.order]
  return Object.fromEntries(
    Object.entries(defaults).map(([name, value]) => [name, options[name as keyof OrderSettings] ?? value]),
  )
}

/** The options that the order depends on, defaults included: what its key and its report hold. */
export function effectiveOptions(
  options: OrderOptions,
  weights: DifficultyWeights,
): Readonly<Record<string, unknown>> {
  const difficulty = Object.fromEntries(Object.entries(weights).sort(([a], [b]) => (a < b ? -1 : 1)))
  return {
    order: options.order,
    seed: options.seed,
    difficulty,
    ...(options.mixture && { mixture: options.mixture }),
    ...orderSettings(options),
  }
}
