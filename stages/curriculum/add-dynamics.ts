import type { Schema } from 'apache-arrow'
import { z } from 'zod'
import { metricColumns, type MetricValues, scoredBatch, scoredSchema } from '../../schemas/scored.ts'
import { scoreColumns, shardsFolder } from '../../schemas/shard.ts'
import { UserError } from '../../schemas/user-error.ts'
import { flags } from '../../scoring/metric.ts'
import { dynamicsMetrics, type EpochDynamics } from '../../scoring/training-dynamics.ts'
import { defineStage } from '../stage.ts'
import { readDynamics } from './read-dynamics.ts'

export const addDynamics = defineStage({
  name: 'add-dynamics',
  summary: `Add what an earlier run learned about the documents as metrics: ${dynamicsMetrics.map(({ name }) => name).join(', ')}.`,
  version: 1,
  accepts: ['scores'],
  emits: 'scores',
  options: z.strictObject({
    run: z.string().describe('Folder of a run that had a record-dynamics stage'),
  }),
  async *run(batches, { options: { run }, signal, log }) {
    const dynamics = await readDynamics(run)
    const columns = dynamicsMetrics.map(({ measure }) => columnOf(dynamics, measure))
    let schema: Schema | undefined
    let known = 0
    let rows = 0
    for await (const batch of batches) {
      signal.throwIfAborted()
      schema ??= withDynamics(batch.schema)
      const { hashes } = scoreColumns(batch)
      for (const hash of hashes) if (dynamics.has(hash)) known++
      rows += hashes.length
      yield scoredBatch(
        schema,
        batch,
        columns.map((column) => valuesOf(column, hashes)),
      )
    }
    if (rows > 0 && known === 0) {
      throw new UserError(
        `The run \`${run}\` read none of the ${rows} documents: take a run on the same corpus.`,
      )
    }
    if (known < rows) {
      log(
        `The run \`${run}\` read ${known} of the ${rows} documents, held-out ones included; the others count as the mean of these.`,
      )
    }
    if ([...dynamics.values()].every(({ correct }) => correct.length === 1)) {
      log(`The run \`${run}\` read no document twice: variability and forgetfulness say nothing.`)
    }
  },
})

/** A measure of the documents that a run read. */
interface DynamicsColumn {
  readonly values: ReadonlyMap<bigint, { readonly value: number; readonly flag: number }>
  /** What stands for other documents. */
  readonly mean: number
}

function columnOf(
  dynamics: ReadonlyMap<bigint, EpochDynamics>,
  measure: (epochs: EpochDynamics) => number,
): DynamicsColumn {
  const values = new Map<bigint, { value: number; flag: number }>()
  let sum = 0
  for (const [hash, epochs] of dynamics) {
    const measured = measure(epochs)
    // What was never right is above everything: there are fewer falls from one epoch to the next than epochs.
    const value = Number.isFinite(measured) ? measured : epochs.correct.length
    values.set(hash, { value, flag: value === measured ? 0 : flags.censored })
    sum += value
  }
  return { values, mean: sum / values.size }
}

function valuesOf({ values, mean }: DynamicsColumn, hashes: BigUint64Array): MetricValues {
  const found = Array.from(hashes, (hash) => values.get(hash) ?? { value: mean, flag: flags.empty })
  return {
    values: Float64Array.from(found, ({ value }) => value),
    flags: Uint8Array.from(found, ({ flag }) => flag),
  }
}

/** @throws UserError where the shards have a metric of the same name. */
function withDynamics(schema: Schema): Schema {
  const taken = metricColumns(schema).find(({ name }) =>
    dynamicsMetrics.some((metric) => metric.name === name),
  )
  if (taken) {
    throw new UserError(
      `The shards in \`${shardsFolder(schema)}\` have a metric \`${taken.name}\` already, which \`add-dynamics\` would add. Leave that stage out, or score without the metric.`,
    )
  }
  const columns = dynamicsMetrics.map(({ name, hardEnd }) => ({ name, hardEnd, version: 1 }))
  return scoredSchema(schema, columns)
}
