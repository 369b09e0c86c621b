import { dispose } from '../backend/tidy.ts'
import { documentsOf } from '../batch-documents.ts'
import { divergence } from '../divergence.ts'
import type { Forwarded, Selected, Selection } from '../messages.ts'
import type { PredictionStatistic } from '../model/prediction.ts'

/**
 * The losses `[B·T]` of a forward pass, in nats.
 * @throws UserError where one is not a finite number, so that nothing is trained on it.
 */
export async function readLosses({ losses, batch }: Forwarded): Promise<Float32Array> {
  const values = (await losses.data()) as Float32Array
  for (let i = 0; i < values.length; i++) {
    if (Number.isFinite(values[i])) continue
    const row = Math.floor(i / batch.length)
    throw divergence(
      `The loss is ${values[i]} in row ${row} of batch ${batch.step}`,
      `The row holds ${documentsOf(batch, [row, row + 1])}.`,
    )
  }
  return values
}

/** A statistic of each of a forward pass's predictions `[B·T]`. */
export async function readStatistic(
  { model, activations }: Forwarded,
  statistic: PredictionStatistic,
): Promise<Float32Array> {
  const tensor = model.predictionStatistic(activations, statistic)
  try {
    return (await tensor.data()) as Float32Array
  } finally {
    dispose(tensor)
  }
}

/** In 64-bit arithmetic, over the indices given, or over all. */
export function mean(values: Float32Array, indices?: Int32Array): number {
  const count = indices ? indices.length : values.length
  let sum = 0
  for (let i = 0; i < count; i++) sum += values[indices ? indices[i] : i]
  return sum / count
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

/** What a stage before this one selected; everything where none did. */
export async function readSelection(item: Forwarded | Selected): Promise<Selection> {
  return 'selection' in item ? item.selection : everything(await readLosses(item))
}
