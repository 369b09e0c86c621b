import { copyFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { openSafetensors, type SafetensorsFile, type WritableTensor } from '../../schemas/safetensors.ts'
import { writeFolder, writeTensors } from './checkpoint-folder.ts'
import { writeFileList } from './stored-files.ts'
import { checkModelFiles } from './training-state.ts'

export const averages = ['none', 'uniform', 'ema', 'decay'] as const
/** How checkpoints are weighted. */
export type Average = Exclude<(typeof averages)[number], 'none'>

/** Share of the newest checkpoint in an exponential moving average (arXiv 2511.18903: 0.2, over 6 checkpoints). */
const emaShare = 0.2

/**
 * What n checkpoints weigh before they are made to sum to 1, the j-th oldest of them.
 *
 * - `ema` falls by 1 − 0.2 with each checkpoint back in time; what is left out before the first counts as none of them.
 * - `decay` is what a learning rate that decays over the n checkpoints as 1 − √(j/n) would have made of the same
 *   updates: w_j − w_{j+1} for its rate w_j (WSM, arXiv 2507.17634). The linear decay's is `uniform`.
 */
const weigh: Readonly<Record<Average, (j: number, n: number) => number>> = {
  uniform: () => 1,
  ema: (j, n) => (1 - emaShare) ** (n - 1 - j),
  decay: (j, n) => Math.sqrt((j + 1) / n) - Math.sqrt(j / n),
}

/** Weights of checkpoints, the oldest first; their sum is 1. */
export function averageWeights(average: Average, count: number): number[] {
  const weights = Array.from({ length: count }, (_, j) => weigh[average](j, count))
  const sum = weights.reduce((sum, weight) => sum + weight, 0)
  return weights.map((weight) => weight / sum)
}

/**
 * Writes the weighted mean of a run's checkpoints as a model of its own, a tensor at a time, in 64-bit arithmetic:
 * equal checkpoints give equal bytes. What it is the mean of stands in its file's metadata, and what its files are in a
 * list beside them.
 *
 * @param checkpoints folders, the oldest first; one at least
 * @throws UserError where the model of one is not whole; nothing is written then.
 */
export async function writeAverage(
  folder: string,
  checkpoints: readonly string[],
  average: Average,
  signal: AbortSignal,
): Promise<void> {
  const weights = averageWeights(average, checkpoints.length)
  const newest = checkpoints[checkpoints.length - 1]
  const models: SafetensorsFile[] = []
  try {
    for (const checkpoint of checkpoints) {
      signal.throwIfAborted()
      await checkModelFiles(checkpoint)
      models.push(await openSafetensors(join(checkpoint, 'model.safetensors')))
    }
    const tensors = new Map<string, WritableTensor>()
    for (const [name, shape] of models[models.length - 1].shapes) {
      tensors.set(name, { shape, values: () => mean(models, weights, name, signal) })
    }
    await writeFolder(folder, async (partial) => {
      for (const name of ['config.json', 'tokenizer.json'])
        await copyFile(join(newest, name), join(partial, name))
      await writeTensors(join(partial, 'model.safetensors'), tensors, {
        mean_of: checkpoints.map((checkpoint) => basename(checkpoint)).join(' '),
        weights: weights.join(' '),
      })
      await writeFileList(partial)
    })
  } finally {
    for (const model of models) await model[Symbol.asyncDispose]()
  }
}

async function mean(
  models: readonly SafetensorsFile[],
  weights: readonly number[],
  name: string,
  signal: AbortSignal,
): Promise<Float32Array> {
  let sums: Float64Array | undefined
  for (const [i, model] of models.entries()) {
    signal.throwIfAborted()
    const values = await model.read(name)
    sums ??= new Float64Array(values.length)
    for (let j = 0; j < values.length; j++) sums[j] += weights[i] * values[j]
  }
  return Float32Array.from(sums as Float64Array)
}
