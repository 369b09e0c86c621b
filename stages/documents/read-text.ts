import { isUtf8 } from 'node:buffer'
import { z } from 'zod'
import { defineStage } from '../stage.ts'
import { planUnits } from './plan-units.ts'
import { readUnits } from './read-unit.ts'
import { readerOptions } from './reader-options.ts'
import type { RecordFormat } from './record-format.ts'
import { fileRecord } from './records.ts'

export const readText = defineStage({
  name: 'read-text',
  summary: 'Read documents from text files, a file a document; plain, .gz or .zst.',
  version: 1,
  accepts: [],
  emits: 'documents',
  options: z.strictObject(readerOptions),
  units: (context) => planUnits(textFile, context.options, context),
  run: (_none, context) => readUnits(textFile, context),
})

const textFile: RecordFormat = {
  extensions: ['.txt'],
  records: fileRecord,
  parse(bytes) {
    if (bytes.length === 0) return { reason: 'empty', remedy: 'Remove it from the input.' }
    if (isUtf8(bytes)) return { text: bytes.toString() }
    return { reason: 'not UTF-8', remedy: 'Convert it to UTF-8.', line: firstBadLine(bytes) }
  },
  id: (source) => source,
}

/** The first line, from 1, that is not UTF-8: a line break is never part of another character. */
function firstBadLine(bytes: Buffer): number {
  let line = 1
  for (let from = 0, to = 0; to >= 0; from = to + 1, line++) {
    to = bytes.indexOf('\n', from)
    if (!isUtf8(bytes.subarray(from, to < 0 ? bytes.length : to))) break
  }
  return line
}
