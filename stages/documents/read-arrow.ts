import { z } from 'zod'
import { defineStage } from '../stage.ts'
import { openArrow } from './columns/arrow-file.ts'
import { columnFormat } from './columns/column-format.ts'
import { planUnits } from './plan-units.ts'
import { readUnits } from './read-unit.ts'
import { columnOptions, type ColumnOptions } from './reader-options.ts'

export const readArrow = defineStage({
  name: 'read-arrow',
  summary: 'Read documents from Arrow files and streams, a row a document.',
  version: 1,
  accepts: [],
  emits: 'documents',
  options: z.strictObject(columnOptions),
  units: (context) => planUnits(arrow(context.options), context.options, context),
  run: (_none, context) => readUnits(arrow(context.options), context),
})

function arrow(options: ColumnOptions) {
  return columnFormat('arrow', openArrow, options)
}
