import type { CommandModule } from 'yargs'
import { openShards } from '../../stages/shards/open-shards.ts'
import { inspectShards } from '../inspection.ts'
import { renderInspection } from '../render-inspection.ts'

/** Columns where there is no terminal to ask. */
const defaultWidth = 100
/** Lines longer than this are tiring to read. */
const mostColumns = 130

export const inspect: CommandModule<object, { shards: string; json: boolean }> = {
  builder: (yargs) =>
    yargs
      .positional('shards', { type: 'string', demandOption: true, describe: 'Folder that `score` wrote' })
      .option('json', {
        type: 'boolean',
        default: false,
        describe: 'Print one JSON object, for other programs',
      }),
  async handler({ shards, json }) {
    const inspection = await inspectShards(await openShards(shards))
    const width = Math.min(process.stdout.columns ?? defaultWidth, mostColumns)
    process.stdout.write(json ? `${JSON.stringify(inspection)}\n` : renderInspection(inspection, width))
  },
}
