import type { Argv, CommandModule } from 'yargs'
import { loadGraph } from '../graph/load.ts'
import type { Assignment } from '../graph/parse.ts'
import { renderYaml } from '../graph/render.ts'
import { remarksOn } from '../run.ts'
import { planReport } from './plan-report.ts'
import { withCounts } from './ngram-counting.ts'
import { scoreFlags, scoreGraph } from './score-flags.ts'
import { setFlag } from './set-flag.ts'
import { trainFlags, trainGraph } from './train-flags.ts'

export const plan: CommandModule = {
  builder: (yargs: Argv) =>
    yargs
      .command('score', 'What `score` with these flags would run', scoreFlags, async (flags) =>
        show(await withCounts(scoreGraph(flags), flags.out)),
      )
      .command('train [graph]', 'What `train` with these flags would run', trainFlags, (flags) =>
        show(trainGraph(flags)),
      )
      .command(
        '$0 <graph>',
        'What a graph file amounts to',
        (own) =>
          own
            .positional('graph', { type: 'string', demandOption: true, describe: 'YAML file' })
            .options(setFlag),
        ({ graph, set }) => show({ file: graph, assignments: set }),
      ),
  handler: () => {},
}

async function show({
  file,
  assignments,
}: {
  file: string
  assignments: readonly Assignment[]
}): Promise<void> {
  const graph = await loadGraph(file, assignments)
  for (const remark of remarksOn(graph)) process.stderr.write(`${remark}\n`)
  process.stdout.write(renderYaml(graph))
  for (const line of await planReport(graph)) process.stdout.write(`# ${line}\n`)
}
