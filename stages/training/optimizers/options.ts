import { z } from 'zod'
import { parameterGroups } from './groups.ts'
import type { OptimizerSettings } from './optimizer.ts'
import type { Rule, RuleName } from './rules.ts'

const share = z.number().min(0).lt(1)
export const optimizerNames = ['adamw', 'lion', 'sgd'] as const satisfies readonly RuleName[]

/**
 * What an optimizer is told where the graph says nothing. Lion's steps are longer than AdamW's and its decay stronger in
 * proportion, three to ten times as arXiv 2302.06675 says; SGD's gradients are not normalised at all.
 */
const defaults = {
  adamw: { peak: 0.003, decay: 0.1, beta1: 0.9, beta2: 0.95, epsilon: 1e-8 },
  lion: { peak: 0.001, decay: 0.3, beta1: 0.9, beta2: 0.99 },
  sgd: { peak: 0.1, decay: 0.003, momentum: 0.9 },
} as const

/** Options of `optimize` that belong to the optimizer. Those whose defaults depend on it are left open. */
export const optimizerOptions = {
  optimizer: z
    .enum(optimizerNames)
    .default('adamw')
    .describe('How gradients change parameters: AdamW, Lion, or stochastic gradient descent with momentum.'),
  beta1: share
    .optional()
    .describe(
      "`adamw` and `lion`: decay a step of the gradient's mean, for `lion` in the update [default: 0.9].",
    ),
  beta2: share
    .optional()
    .describe(
      "`adamw`: decay a step of the gradient's mean square; `lion`: of its mean [default: 0.95; lion 0.99].",
    ),
  epsilon: z
    .number()
    .gt(0)
    .optional()
    .describe('`adamw`: added to the root of the mean square [default: 1e-8].'),
  momentum: share
    .optional()
    .describe('`sgd`: share of the last update that the next one goes on with [default: 0.9].'),
  decay: z
    .number()
    .min(0)
    .optional()
    .describe(
      'Weight decay, of matrices only, decoupled from the gradient [default: 0.1; lion 0.3, sgd 0.003].',
    ),
  groups: z
    .strictObject(
      Object.fromEntries(parameterGroups.map((group) => [group, z.number().min(0).optional()])) as Record<
        (typeof parameterGroups)[number],
        z.ZodOptional<z.ZodNumber>
      >,
    )
    .default({})
    .describe(
      'What the learning rate is multiplied by for the embedding, a head of its own, norms, and all other matrices [default: 1 each].',
    ),
}

type OptimizerOptions = z.output<z.ZodObject<typeof optimizerOptions>>
type Setting = 'beta1' | 'beta2' | 'epsilon' | 'momentum'
const settings: readonly Setting[] = ['beta1', 'beta2', 'epsilon', 'momentum']

/** Refuses a setting that the optimizer does not have. */
export function checkOptimizerOptions(options: OptimizerOptions, context: z.RefinementCtx): void {
  for (const setting of settings) {
    if (options[setting] === undefined || setting in defaults[options.optimizer]) continue
    const owners = optimizerNames.filter((name) => setting in defaults[name])
    context.addIssue({
      code: 'custom',
      path: [setting],
      message: `\`${setting}\` belongs to ${owners.join(' and ')}; ${options.optimizer} has no use for it`,
    })
  }
}

/** The highest learning rate, where the graph does not say. */
export function peakOf({ optimizer }: OptimizerOptions): number {
  return defaults[optimizer].peak
}

export function optimizerSettings(options: OptimizerOptions): OptimizerSettings {
  const { decay = defaults[options.optimizer].decay } = options
  const groups = Object.fromEntries(Object.entries(options.groups).filter(([, rate]) => rate !== undefined))
  return { rule: ruleOf(options), decay, groups }
}

function ruleOf(options: OptimizerOptions): Rule {
  const given = Object.fromEntries(
    settings
      .filter((setting) => options[setting] !== undefined)
      .map((setting) => [setting, options[setting]]),
  )
  const { peak: _peak, decay: _decay, ...rule } = defaults[options.optimizer]
  return { name: options.optimizer, ...rule, ...given } as Rule
}
