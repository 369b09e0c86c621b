import type { CommandModule } from 'yargs'
import { formatDiagnostic } from '../diagnostic.ts'
import { checkGraph } from '../graph/check.ts'
import { type Assignment, readGraph } from '../graph/parse.ts'
import { stagesOf } from '../registry.ts'
import { setFlag } from './set-flag.ts'

export const lint: CommandModule<object, { graphs: string[]; set: readonly Assignment[] }> = {
  builder: (yargs) =>
    yargs
      .positional('graphs', { type: 'string', array: true, demandOption: true, describe: 'YAML files' })
      .options(setFlag),
  async handler({ graphs, set }) {
    let failed = false
    for (const file of graphs) {
      const source = await readGraph(file, set)
      const { graph, diagnostics } = checkGraph(source, await stagesOf(source))
      for (const diagnostic of diagnostics)
        process.stdout.write(`${formatDiagnostic(diagnostic, source.text)}\n`)
      if (graph) process.stdout.write(`${file}: ${graph.nodes.length} stages, no errors\n`)
      else failed = true
    }
    process.exitCode = failed ? 1 : 0
  },
}
