import { UserError } from '../../../schemas/user-error.ts'
import type { Forwarded, Selection } from '../messages.ts'

/**
 * The losses `[B·T]` of a forward pass, in nats.
 * @throws UserError where one is not a finite number, so that nothing is trained on it.
 */
export async function readLosses({ losses, batch }: Forwarded): Promise<Float32Array> {
  const values = (await losses.data()) as Float32Array
  const broken = values.findIndex((loss) => !Number.isFinite(loss))
  if (broken >= 0) {
    const row = Math.floor(broken / batch.length)
    throw new UserError(
      `The loss is ${values[broken]} in row ${row} of step ${batch.step}: training diverged. Lower \`peak\` of \`optimize\`, or raise its \`warm-up\`.`,
    )
  }
  return values
}

/** In 64-bit arithmetic, over the indices given, or over all. */
export function mean(values: Float32Array, indices?: Int32Array): number {
  let sum = 0
  if (!indices) {
    for (const value of values) sum += value
    return sum / values.length
  }
  for (const index of indices) sum += values[index]
  return sum / indices.length
}

/** The selection that keeps everything: the mean loss of all tokens. */
export function everything(losses: Float32Array): Selection {
  const loss = mean(losses)
  return {
    weights: new Float32Array(losses.length).fill(1 / losses.length),
    keptFraction: 1,
    keepRatio: 1,
    threshold: null,
    keptLoss: loss,
    loss,
  }
}
