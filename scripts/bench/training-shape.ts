import { seededRandom } from '../../stages/seeded-random.ts'
import type { Batch } from '../../stages/training/messages.ts'
import type { ModelSizes } from '../../stages/training/model/config.ts'

/** What a step of training is measured on. */
export interface Shape {
  readonly sizes: ModelSizes
  readonly vocabulary: number
  readonly rows: number
  readonly length: number
}

export const usualShape: Shape = {
  sizes: { dim: 128, layers: 4, heads: 4, context: 128 },
  vocabulary: 4096,
  rows: 16,
  length: 128,
}

/** So many that the head is most of a step. */
export const manyTokens: Shape = { ...usualShape, vocabulary: 32_000 }

/** Tokens of a batch: frequent ids first, as in text. */
export function batchOf({ rows, length, vocabulary }: Shape): Batch {
  const random = seededRandom(1)
  const tokens = Int32Array.from({ length: rows * (length + 1) }, () =>
    Math.floor((random() / 2 ** 32) ** 3 * vocabulary),
  )
  return { step: 0, steps: 1, rows, length, tokens } as Batch
}
