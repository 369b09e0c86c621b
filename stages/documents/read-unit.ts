import type { RecordBatch } from 'apache-arrow'
import { UserError } from '../../schemas/user-error.ts'
import type { StageContext } from '../stage.ts'
import { BatchBuilder } from './batch-builder.ts'
import { planUnits } from './plan-units.ts'
import type { ReaderOptions } from './reader-options.ts'
import type { RecordFormat } from './record-format.ts'
import { RecordHash } from './record-hash.ts'
import type { Unit } from './unit.ts'

/**
 * Yields the documents of the unit at hand; of the whole input, checked first, where there is none.
 *
 * @throws UserError where the input is not what it was when the unit was planned.
 */
export async function* readUnits(
  format: RecordFormat,
  context: StageContext<ReaderOptions>,
): AsyncGenerator<RecordBatch, void, undefined> {
  const units = context.unit ? [context.unit] : await planUnits(format, context.options, context)
  for (const unit of units) yield* readUnit(format, unit, context)
}

async function* readUnit(
  format: RecordFormat,
  unit: Unit,
  { options, signal, stats }: StageContext<ReaderOptions>,
): AsyncGenerator<RecordBatch, void, undefined> {
  const builder = new BatchBuilder(options.batch)
  const hash = new RecordHash()
  let [documents, bytes] = [0, 0]
  // Once a block or batch, and not once a document: a worker's counts travel between threads.
  const count = () => {
    stats.add('documents', documents)
    stats.add('bytes', bytes)
    documents = bytes = 0
  }
  for (const slice of unit.slices) {
    // The options are one object for all units of a run.
    for await (const block of format.records(slice, { signal, run: options })) {
      for (const record of block) {
        const parsed = record.refusal ?? format.parse(record)
        if (!('text' in parsed)) continue
        hash.add(record)
        const id = parsed.id ?? format.id(slice.source, record.position)
        const batch = builder.add(id, parsed.text, slice.source, record.position)
        documents++
        bytes += record.bytes.length
        if (batch) {
          count()
          yield batch
        }
      }
      count()
    }
  }
  if (hash.digest() !== unit.hash) {
    const paths = unit.slices.map((slice) => `\`${slice.source}\``)
    const where = paths.length > 3 ? `One of ${paths[0]} to ${paths.at(-1)}` : paths.join(' or ')
    throw new UserError(`${where} changed while it was being read: start again once it is complete.`)
  }
  const rest = builder.finish()
  if (rest) yield rest
}
