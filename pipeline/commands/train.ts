import { mkdir, writeFile } from 'node:fs/promises'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { CommandModule } from 'yargs'
import { UserError } from '../../schemas/user-error.ts'
import { execute } from '../execute.ts'
import type { Graph } from '../graph/graph.ts'
import { loadGraph } from '../graph/load.ts'
import { renderYaml } from '../graph/render.ts'
import { readRun, summarize } from '../run-summary.ts'
import { type TrainFlags, trainFlags, trainGraph } from './train-flags.ts'

export const train: CommandModule<object, TrainFlags> = {
  command: 'train [graph]',
  describe: 'Train a model on scored shards, with a curriculum and OHEM where asked for',
  builder: trainFlags,
  async handler(flags) {
    const { file, assignments } = trainGraph(flags)
    const graph = await loadGraph(file, assignments)
    const folder = runFolder(graph)
    if (folder !== undefined) {
      if (existsSync(join(folder, 'steps.jsonl'))) {
        throw new UserError(
          `\`${folder}\` already holds a run, which stays as it is. Give another folder, or remove that one.`,
        )
      }
      await mkdir(folder, { recursive: true })
      await writeFile(join(folder, 'graph.yaml'), renderYaml(graph))
    }
    await execute(graph)
    if (folder !== undefined) process.stdout.write(summarize(await readRun(folder), folder))
  },
}

/** Where the graph's `record` stage writes, if it has one. */
function runFolder(graph: Graph): string | undefined {
  return graph.nodes.find(({ stage }) => stage.name === 'record')?.options.to as string | undefined
}
