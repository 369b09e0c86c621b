import type { Argv, CommandModule } from 'yargs'

// eslint-disable-next-line @typescript-eslint/no-explicit-any -- each command has flags of its own
type Command = CommandModule<any, any>

/** In the order in which `--help` shows them: that of the work. */
export const commands: readonly Command[] = [
  lazily(
    'score',
    'Score every document of a corpus once and keep tokens and scores in Arrow shards',
    async () => (await import('./score.ts')).score,
  ),
  lazily(
    'inspect <shards>',
    'Show what scored shards hold: distributions, correlations, the easiest and the hardest documents',
    async () => (await import('./inspect.ts')).inspect,
  ),
  lazily(
    'train [graph]',
    'Train a model on scored shards, with a curriculum and OHEM where asked for',
    async () => (await import('./train.ts')).train,
  ),
  lazily(
    'watch <run>',
    'Show the report of a run in a browser on this machine, up to date while it trains',
    async () => (await import('./watch.ts')).watch,
  ),
  lazily(
    'evaluate <run> <shards>',
    'Measure a trained model on the held-out documents of shards',
    async () => (await import('./evaluate.ts')).evaluate,
  ),
  lazily(
    'compare <experiment>',
    'Train several arms, paired by seed, with controls, and say what differs; the same command goes on',
    async () => (await import('./compare.ts')).compare,
  ),
  lazily(
    'generate <run>',
    'Let a trained model continue a text',
    async () => (await import('./generate.ts')).generate,
  ),
  lazily(
    'report <runs..>',
    'Write one HTML page about runs, or TensorBoard’s files beside their records',
    async () => (await import('./report.ts')).report,
  ),
  lazily(
    'export <run>',
    'Write a trained model as a folder that transformers and llama.cpp read',
    async () => (await import('./export.ts')).exportCommand,
  ),
  lazily(
    'verify <folder>',
    'Read every file of shards or of a run and hold it against its checksum',
    async () => (await import('./verify.ts')).verify,
  ),
  lazily(
    'plan',
    'Show the graph that a command line amounts to, with every option, and run nothing',
    async () => (await import('./plan.ts')).plan,
  ),
  lazily(
    'lint <graphs..>',
    'Check graphs and show every problem with its place',
    async () => (await import('./lint.ts')).lint,
  ),
  lazily('graph <graph>', 'Draw a graph', async () => (await import('./graph.ts')).graph),
  lazily(
    'stages [name]',
    'List the stages, or show one with its options',
    async () => (await import('./stages.ts')).stages,
  ),
  lazily(
    'schedules [name]',
    'List orders, pacings, learning rates and keep ratios, or draw one, or those of a graph',
    async () => (await import('./schedules.ts')).schedules,
  ),
  lazily(
    'doctor',
    'Show which back ends work here, and why others do not',
    async () => (await import('./doctor.ts')).doctor,
  ),
]

/** A command whose code is imported once it is used: most of the time that a short command takes is imports. */
function lazily(command: string, describe: string, load: () => Promise<Command>): Command {
  return {
    command,
    describe,
    async builder(yargs: Argv) {
      const { builder } = await load()
      return typeof builder === 'function' ? builder(yargs) : yargs
    },
    handler: async (flags) => (await load()).handler(flags),
  }
}
