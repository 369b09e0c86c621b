import { z } from 'zod'
import { defineStage } from '../stage.ts'
import { criteria, scoring } from './selection/criteria.ts'
import { openReference, referenceHashes } from './selection/reference.ts'
import { choiceBy, rules } from './selection/rules.ts'
import { select, selectionOptions } from './selection/select.ts'

const share = z.number().gt(0)

/** Those without a default are left out of a run's graph, so that it also fits `random-keep`. */
const options = z
  .strictObject({
    ...selectionOptions,
    criterion: z
      .enum(criteria)
      .optional()
      .describe(
        'What tokens are compared by, and sequences by its mean: `loss`; `gradient-norm`, of the loss by the logits; `loss-gradient-norm`, their product; `entropy-loss`, the loss times the entropy of the prediction; `uncertainty`, p(1 − p) of the true token; `excess`, the loss less that of `reference` [default: loss].',
      ),
    reference: z.string().optional().describe('Checkpoint or run whose model `excess` compares with.'),
    rule: z
      .enum(rules)
      .optional()
      .describe(
        '`top-k` keeps the hardest; `band` those behind the very hardest; `sample` draws with probability proportional to score^power and weights what it draws, so that the loss is that of all tokens on average [default: top-k].',
      ),
    'drop-hardest': share
      .lt(1)
      .optional()
      .describe(
        'Share of all items, the hardest, that `band` takes for noise and leaves out [default: 0.05].',
      ),
    power: z
      .number()
      .gte(0)
      .optional()
      .describe('Exponent of the score in `sample`; 0 draws evenly [default: 1].'),
    seed: z
      .int()
      .min(0)
      .optional()
      .describe('Of `sample`: the same seed keeps the same items in the same step [default: 1].'),
    'document-cap': share
      .lte(1)
      .optional()
      .describe(
        'Largest share of what is to be kept that one document may have, one item at least; the next hardest take the freed places.',
      ),
    'repeat-cap': z
      .int()
      .min(1)
      .optional()
      .describe(
        'How often the same is kept at most in a step: a token after the same seven, or a sequence of which more than half, in runs of eight tokens, stands in that many kept ones.',
      ),
  })
  .superRefine((options, context) => {
    const { criterion, reference, rule } = options
    const refuse = (option: keyof typeof options, message: string) =>
      context.addIssue({ code: 'custom', path: [option], message })
    if (criterion === 'excess' && reference === undefined) {
      refuse('criterion', '`excess` needs a `reference`, a checkpoint to compare with')
    }
    if (criterion !== 'excess' && reference !== undefined) {
      refuse('reference', 'only the criterion `excess` compares with a reference')
    }
    if (criterion === 'excess' && rule === 'sample') {
      refuse('rule', '`sample` needs scores of at least zero, and `excess` has others')
    }
    if (rule !== 'band' && options['drop-hardest'] !== undefined) {
      refuse('drop-hardest', 'only the rule `band` drops the hardest')
    }
    if (rule !== 'sample' && options.power !== undefined) {
      refuse('power', 'only the rule `sample` raises scores to a power')
    }
    for (const cap of ['document-cap', 'repeat-cap'] as const) {
      if (rule !== 'sample' || options[cap] === undefined) continue
      refuse(cap, 'the weights of `sample` stand for all items, and a cap leaves some out')
    }
  })

/** Online hard example mining (Shrivastava et al., arXiv 1604.03540): gradients for the largest losses alone. */
export const ohem = defineStage({
  name: 'ohem',
  summary: 'Keep the sequences or tokens with the largest loss, or by another criterion, for backward.',
  version: 2,
  accepts: ['forwarded'],
  emits: 'selected',
  options,
  async identity({ reference, ...options }) {
    return reference === undefined ? options : { ...options, reference: await referenceHashes(reference) }
  },
  async *run(items, { options, log }) {
    const { keep, granularity, criterion = 'loss', reference: folder = '' } = options
    const choice = choiceBy({
      granularity,
      rule: options.rule ?? 'top-k',
      dropHardest: options['drop-hardest'] ?? 0.05,
      power: options.power ?? 1,
      seed: options.seed ?? 1,
      documentCap: options['document-cap'],
      repeatCap: options['repeat-cap'],
    })
    if (criterion !== 'excess') {
      yield* select(items, { keep, granularity, ...choice }, scoring[criterion])
      return
    }
    const reference = openReference(folder, log)
    try {
      yield* select(items, { keep, granularity, ...choice }, reference.excess)
    } finally {
      reference.dispose()
    }
  },
})
