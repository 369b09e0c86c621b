import type { PlanContext } from '../stage.ts'
import { UserError } from '../../schemas/user-error.ts'
import { inputFiles } from './input-files.ts'
import type { ReaderOptions } from './reader-options.ts'
import type { RecordFormat } from './record-format.ts'
import { Rejections } from './rejections.ts'
import { UnitCutter } from './unit-cutter.ts'
import { wholeFile, type InputFile, type Unit } from './unit.ts'

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
  const files = await inputFiles(paths, { extensions: format.extensions, output: rejected, signal })
  const cutter = new UnitCutter(unitBytes)
  const rejections = new Rejections(rejected, format.noun)
  const reading = { signal, onRead: (bytes: number) => stats.add('bytes checked', bytes) }
  let records = 0

  const check = async (file: InputFile) => {
    const recordsBefore = records
    for await (const block of format.records(wholeFile(file), reading)) {
      for (const record of block) {
        const parsed = record.refusal ?? format.parse(record)
        if ('text' in parsed) cutter.add(file, record)
        else rejections.add(file.source, record.position + 1, record.bytes, parsed)
      }
      records += block.length
      await rejections.flush()
    }
    if (records === recordsBefore)
      throw new UserError(`\`${file.source}\` is empty: remove it from the input.`)
  }

  let bytes = 0
  for (const file of files) bytes += await format.size(file, { signal })
  stats.expect('bytes checked', bytes)
  try {
    for (const file of files) await check(file)
    await rejections.commit()
  } finally {
    await rejections.discard()
  }
  for (const [reason, count] of rejections.reasons) stats.drop(reason, count)
  rejections.assertFew(records, maxRejected)
  if (rejections.count > 0) log(rejections.summary(records))

  const units = cutter.finish()
  stats.expect('documents', records - rejections.count)
  stats.expect(
    'bytes',
    units.reduce((total, unit) => total + unit.bytes, 0),
  )
  return units
}
