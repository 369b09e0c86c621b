import type { CommandModule } from 'yargs'
import { loadGraph } from '../graph/load.ts'
import type { Assignment } from '../graph/parse.ts'
import { renderDot, renderMermaid, renderYaml } from '../graph/render.ts'
import { setFlag } from './set-flag.ts'

const formats = { mermaid: renderMermaid, dot: renderDot, yaml: renderYaml }

interface Flags {
  graph: string
  format: keyof typeof formats
  set: readonly Assignment[]
}

export const graph: CommandModule<object, Flags> = {
  builder: (yargs) =>
    yargs
      .positional('graph', { type: 'string', demandOption: true, describe: 'YAML file' })
      .option('format', {
        choices: ['mermaid', 'dot', 'yaml'] as const,
        default: 'mermaid' as const,
        describe: 'What to write',
      })
      .options(setFlag),
  async handler({ graph: file, format, set }) {
    process.stdout.write(formats[format](await loadGraph(file, set)))
  },
}
