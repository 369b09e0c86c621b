import { z } from 'zod'
import { defineStage } from '../stage.ts'
import { columnFormat } from './columns/column-format.ts'
import { openParquet } from './columns/parquet-file.ts'
import { planUnits } from './plan-units.ts'
import { readUnits } from './read-unit.ts'
import { columnOptions, type ColumnOptions } from './reader-options.ts'

export const readParquet = defineStage({
  name: 'read-parquet',
  summary: 'Read documents from Parquet files, a row a document.',
  version: 1,
  accepts: [],
  emits: 'documents',
  options: z.strictObject(columnOptions),
  units: (context) => planUnits(parquet(context.options), context.options, context),
  run: (_none, context) => readUnits(parquet(context.options), context),
})

function parquet(options: ColumnOptions) {
  return columnFormat('parquet', openParquet, options)
}
