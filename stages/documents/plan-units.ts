import { stat } from 'node:fs/promises'
import { UserError } from '../../schemas/user-error.ts'
import type { PlanContext } from '../stage.ts'
import { inputFiles } from './input-files.ts'
import type { ReaderOptions } from './reader-options.ts'
import type { RecordFormat } from './record-format.ts'
import { Rejections } from './rejections.ts'
import { UnitCutter } from './unit-cutter.ts'
import type { Unit } from './unit.ts'

/**
 * Reads the whole input once, checks every record, and cuts it into units of at most `unit-bytes` (or one longer
 * record). Small files share a unit; a large one has several. Writes the rejected records down and nothing else.
 *
 * @throws UserError where the input is missing or unreadable, a file has no record, or too many are rejected.
 */
export async function planUnits(
  format: RecordFormat,
  options: ReaderOptions,
  { signal, stats, log }: Omit<PlanContext<unknown>, 'options'>,
): Promise<readonly Unit[]> {
  const { paths, rejected, 'max-rejected': maxRejected, 'unit-bytes': unitBytes } = options
  const files = await inputFiles(paths, format.extensions, rejected)
  const cutter = new UnitCutter(unitBytes)
  const rejections = new Rejections(rejected)
  const reading = { signal, onRead: (bytes: number) => stats.add('bytes checked', bytes) }
  let records = 0

  const check = async (path: string) => {
    const recordsBefore = records
    for await (const block of format.records({ path, start: 0, end: Infinity, firstRecord: 0 }, reading)) {
      for (const record of block) {
        const parsed = format.parse(record.bytes)
        if ('text' in parsed) cutter.add(path, record)
        else rejections.add(path, record.position + 1, record.bytes, parsed)
      }
      records += block.length
      await rejections.flush()
    }
    if (records === recordsBefore) throw new UserError(`\`${path}\` is empty: remove it from the input.`)
  }

  stats.expect('bytes checked', sum(await Promise.all(files.map(fileSize))))
  try {
    for (const path of files) await check(path)
    await rejections.commit()
  } finally {
    await rejections.discard()
  }
  for (const [reason, count] of rejections.reasons) stats.drop(reason, count)
  rejections.assertFew(records, maxRejected)
  if (rejections.count > 0) log(rejections.summary(records))

  const units = cutter.finish()
  stats.expect('documents', records - rejections.count)
  stats.expect('bytes', sum(units.map(({ bytes }) => bytes)))
  return units
}

async function fileSize(path: string): Promise<number> {
  return (await stat(path)).size
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0)
}
