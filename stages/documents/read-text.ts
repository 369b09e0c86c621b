import { isUtf8 } from 'node:buffer'
import { z } from 'zod'
import { defineStage } from '../stage.ts'
import { inputKinds } from './input-kinds.ts'
import { sizeOnDisk } from './open-input.ts'
import { planUnits } from './plan-units.ts'
import { readUnits } from './read-unit.ts'
import { readerOptions } from './reader-options.ts'
import type { RecordFormat } from './record-format.ts'
import { fileRecord, separatedRecords } from './records.ts'

export const readText = defineStage({
  name: 'read-text',
  summary: 'Read documents from text files, a file a document or cut at a separator; plain, .gz or .zst.',
  version: 1,
  accepts: [],
  emits: 'documents',
  options: z.strictObject({
    ...readerOptions,
    separator: z
      .string()
      .min(1)
      .optional()
      .meta({
        description:
          'What stands between documents, taken literally, such as <|endoftext|>; without it a file is a document. ' +
          'The nth document of a file has the id `file#n`, from 0, and no white space at its ends.',
      }),
  }),
  units: (context) => planUnits(textFormat(context.options.separator), context.options, context),
  run: (_none, context) => readUnits(textFormat(context.options.separator), context),
})

function textFormat(separator: string | undefined): RecordFormat {
  return separator === undefined ? textFile : separatedText(separator)
}

const common = { extensions: inputKinds.text.extensions, size: sizeOnDisk }
const notUtf8 = { reason: 'not UTF-8', remedy: 'Convert it to UTF-8.' }

const textFile: RecordFormat = {
  ...common,
  noun: 'line',
  records: fileRecord,
  parse({ bytes }) {
    if (bytes.length === 0) return { reason: 'empty', remedy: 'Remove it from the input.' }
    return isUtf8(bytes) ? { text: bytes.toString() } : { ...notUtf8, line: firstBadLine(bytes) }
  },
  id: (source) => source,
}

function separatedText(separator: string): RecordFormat {
  return {
    ...common,
    noun: 'document',
    records: separatedRecords(separator),
    parse: ({ bytes }) => (isUtf8(bytes) ? { text: bytes.toString() } : notUtf8),
    id: (source, position) => `${source}#${position}`,
  }
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
