import { UserError } from '../../../schemas/user-error.ts'
import { embeddingName, headName } from '../model/parameter-shapes.ts'
import type { Parameters } from '../model/parameters.ts'

/** Parameters that may have a learning rate of their own. A tied head is the embedding; norms are all vectors. */
export const parameterGroups = ['embedding', 'head', 'norms', 'matrices'] as const
export type ParameterGroup = (typeof parameterGroups)[number]

/** What the learning rate of a group is multiplied by; by 1 where it is not named. */
export type GroupRates = Readonly<Partial<Record<ParameterGroup, number>>>

export function groupOf(parameter: string, shape: readonly number[]): ParameterGroup {
  if (parameter === embeddingName) return 'embedding'
  if (parameter === headName) return 'head'
  return shape.length === 1 ? 'norms' : 'matrices'
}

/** What a parameter's learning rate is multiplied by, and its decoupled decay: that of matrices, none of vectors. */
export function factorsOf(
  parameter: string,
  shape: readonly number[],
  { groups, decay }: { readonly groups: GroupRates; readonly decay: number },
): { readonly rate: number; readonly decay: number } {
  return { rate: groups[groupOf(parameter, shape)] ?? 1, decay: shape.length > 1 ? decay : 0 }
}

/** @throws UserError where a group is named that no parameter belongs to. */
export function checkGroups(groups: GroupRates, parameters: Pick<Parameters, 'names' | 'shape'>): void {
  const found = new Set(parameters.names.map((name) => groupOf(name, parameters.shape(name))))
  const missing = Object.keys(groups).find((group) => !found.has(group as ParameterGroup))
  if (missing === undefined) return
  throw new UserError(
    `\`groups\` of \`optimize\` gives a learning rate to \`${missing}\`, and the model has none of its own: its head is the embedding. Leave \`${missing}\` out, or set \`tied: false\` in \`forward\`.`,
  )
}
