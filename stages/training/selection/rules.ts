import type { Batch } from '../messages.ts'
import { documentKinds } from './document-kinds.ts'
import { hardest, hardestWithin } from './hardest.ts'
import { type Limit, mostOfEachKind } from './limit.ts'
import { partOf } from './part-of.ts'
import { repeatLimit } from './repeats.ts'
import { sample } from './sample.ts'
import type { Choice, Granularity, SelectionSettings } from './select.ts'
import { stepRandom } from './step-random.ts'

export const rules = ['top-k', 'band', 'sample'] as const
export type Rule = (typeof rules)[number]

export interface RuleSettings {
  readonly granularity: Granularity
  readonly rule: Rule
  /** Share of all items that `band` leaves out at the hard end. */
  readonly dropHardest: number
  /** `sample` keeps an item with a probability proportional to score^power. */
  readonly power: number
  /** Of `sample`. */
  readonly seed: number
  /** Largest share of the items to keep that one document may have. */
  readonly documentCap?: number | undefined
  /** How often items that repeat each other are kept at most. */
  readonly repeatCap?: number | undefined
}

/** How items are chosen by their scores. */
export function choiceBy(
  settings: RuleSettings,
): Pick<SelectionSettings, 'choose' | 'hasThreshold' | 'alwaysChooses'> {
  const { rule, power, seed, dropHardest, documentCap, repeatCap } = settings
  if (rule === 'sample') {
    const choose: Choice = (scores, count, { step }) => sample(scores, count, power, stepRandom(seed, step))
    return { choose, hasThreshold: false }
  }
  const dropped = rule === 'band' ? dropHardest : 0
  const isPlain = dropped === 0 && documentCap === undefined && repeatCap === undefined
  if (isPlain) return { choose: hardest, hasThreshold: true }
  const choose: Choice = (scores, count, batch) =>
    hardestWithin(scores, count, Math.floor(partOf(scores.length, dropped)), limitsOf(batch, count, settings))
  return { choose, hasThreshold: true, alwaysChooses: true }
}

function limitsOf(
  batch: Batch,
  count: number,
  { granularity, documentCap, repeatCap }: RuleSettings,
): readonly Limit[] {
  const limits: Limit[] = []
  if (documentCap !== undefined) {
    const most = Math.max(1, Math.floor(partOf(count, documentCap)))
    limits.push(mostOfEachKind(documentKinds(batch, granularity), most))
  }
  if (repeatCap !== undefined) limits.push(repeatLimit(batch, granularity, repeatCap))
  return limits
}
