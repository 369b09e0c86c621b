import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { dynamicsBatch, dynamicsFile, dynamicsSchema } from '../../../schemas/dynamics.ts'
import { ArrowFileWriter } from '../../../stages/shards/arrow-file-writer.ts'

/** A time that a run read a document; what is left out plays no part in the test. */
export interface WrittenReading {
  readonly hash: bigint
  readonly loss: number
  readonly correct?: number
  readonly tokens?: number
  /** As `early-cutting` of `record-dynamics` adds them; of all readings or of none. */
  readonly largest?: number
  readonly gradient?: number
}

/** Writes what a run with `record-dynamics` would have written, had it read these documents in this order. */
export async function writeReadings(run: string, readings: readonly WrittenReading[]): Promise<void> {
  await mkdir(run, { recursive: true })
  const epochs = new Map<bigint, number>()
  const epoch = Uint32Array.from(readings, ({ hash }) => {
    const read = epochs.get(hash) ?? 0
    epochs.set(hash, read + 1)
    return read
  })
  const signals = readings.some(({ largest }) => largest !== undefined) && {
    largest: Float64Array.from(readings, ({ largest = NaN }) => largest),
    gradient: Float64Array.from(readings, ({ gradient = NaN }) => gradient),
  }
  const columns = {
    hash: BigUint64Array.from(readings, ({ hash }) => hash),
    epoch,
    tokens: Uint32Array.from(readings, ({ tokens = 10 }) => tokens),
    loss: Float64Array.from(readings, ({ loss }) => loss),
    probability: Float64Array.from(readings, ({ loss }) => Math.exp(-loss)),
    correct: Float64Array.from(readings, ({ correct = 0.5 }) => correct),
    ...signals,
  }
  const writer = await ArrowFileWriter.create(join(run, dynamicsFile), dynamicsSchema(columns))
  await writer.write(dynamicsBatch(columns))
  await writer.finish()
}
