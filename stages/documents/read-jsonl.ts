import { isUtf8 } from 'node:buffer'
import { z } from 'zod'
import { defineStage } from '../stage.ts'
import { inputKinds } from './input-kinds.ts'
import { sizeOnDisk } from './open-input.ts'
import { planUnits } from './plan-units.ts'
import { readUnits } from './read-unit.ts'
import { readerOptions } from './reader-options.ts'
import type { ParsedDocument, RecordFormat, Refusal } from './record-format.ts'
import { lineRecords } from './records.ts'

export const readJsonl = defineStage({
  name: 'read-jsonl',
  summary: 'Read documents from JSON Lines, a JSON object a line; plain, .gz or .zst.',
  version: 1,
  accepts: [],
  emits: 'documents',
  options: z.strictObject({
    ...readerOptions,
    field: z.string().default('text').meta({ description: 'Field that holds the text.' }),
  }),
  units: (context) => planUnits(jsonLines(context.options.field), context.options, context),
  run: (_none, context) => readUnits(jsonLines(context.options.field), context),
})

const oneObject = 'Write one JSON object a line.'
const otherField = 'Option `field` says which field holds the text.'

function jsonLines(field: string): RecordFormat {
  return {
    extensions: inputKinds.jsonl.extensions,
    noun: 'line',
    size: sizeOnDisk,
    records: lineRecords,
    parse: ({ bytes }) => parseLine(bytes, field),
    id: (source, position) => `${source}:${position}`,
  }
}

function parseLine(bytes: Buffer, field: string): ParsedDocument | Refusal {
  // Decoding would replace what is not UTF-8 in silence.
  if (!isUtf8(bytes)) return { reason: 'not UTF-8', remedy: 'Convert the file to UTF-8.' }
  let value: unknown
  try {
    value = JSON.parse(bytes.toString())
  } catch {
    return { reason: 'not JSON', remedy: oneObject }
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    return { reason: 'not a JSON object', remedy: oneObject }
  const record = value as Record<string, unknown>
  if (!Object.hasOwn(record, field)) return { reason: `no field \`${field}\``, remedy: otherField }
  const text = record[field]
  if (typeof text !== 'string') return { reason: `field \`${field}\` is not a string`, remedy: otherField }
  const id = idOf(record.id)
  return id === undefined ? { text } : { id, text }
}

/** Whole numbers beyond 2^53 have lost digits by now: no id is better than a wrong one. */
function idOf(id: unknown): string | undefined {
  if (typeof id === 'string') return id
  const isExact = typeof id === 'number' && (Number.isSafeInteger(id) || !Number.isInteger(id))
  return isExact ? String(id) : undefined
}
