import { z } from 'zod'

const mebibyte = 1 << 20

/** Options that readers share. None says anything about the documents, so none is part of a cache key. */
export const readerOptions = {
  paths: z.array(z.string().min(1)).min(1).meta({
    description:
      'Files, folders (searched recursively), globs and - (standard input) to read, in this order.',
    cosmetic: true,
  }),
  rejected: z
    .string()
    .optional()
    .meta({ description: 'File to write rejected records to, a JSON line each.', cosmetic: true }),
  'max-rejected': z
    .number()
    .min(0)
    .max(1)
    .default(0.01)
    .meta({ description: 'Share of records that may be rejected before the run fails.', cosmetic: true }),
  'unit-bytes': z
    .int()
    .positive()
    .default(64 * mebibyte)
    .meta({
      description: 'Bytes of input that are processed, written and reused as a whole.',
      cosmetic: true,
    }),
  batch: z.int().positive().default(1024).meta({ description: 'Most documents in a batch.', cosmetic: true }),
}

export type ReaderOptions = z.output<z.ZodObject<typeof readerOptions>>

/** Options of readers of columns. */
export const columnOptions = {
  ...readerOptions,
  field: z.string().default('text').meta({ description: 'Column that holds the text.' }),
  id: z.string().optional().meta({
    description:
      'Column that holds the ids, text or whole numbers; without it, column `id` where a file has such a one.',
  }),
}

export type ColumnOptions = z.output<z.ZodObject<typeof columnOptions>>
