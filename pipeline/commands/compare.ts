import { availableParallelism } from 'node:os'
import { fileURLToPath } from 'node:url'
import type { CommandModule } from 'yargs'
import { UserError } from '../../schemas/user-error.ts'
import { compare as compareArms } from '../compare/compare.ts'
import { renderComparison } from '../compare/render.ts'

interface Flags {
  experiment: string
  out: string
  jobs: number
  json: boolean
}

const cli = fileURLToPath(new URL('../cli.js', import.meta.url))
const signals = ['SIGINT', 'SIGTERM'] as const

export const compare: CommandModule<object, Flags> = {
  builder: (yargs) =>
    yargs
      .positional('experiment', {
        type: 'string',
        demandOption: true,
        describe: 'YAML file, such as pipeline/graphs/experiments/record.yaml',
      })
      .option('out', {
        type: 'string',
        requiresArg: true,
        demandOption: true,
        describe: 'Folder of the comparison, with a folder a run',
      })
      .option('jobs', {
        type: 'number',
        requiresArg: true,
        default: Math.max(1, Math.floor(availableParallelism() / 2)),
        defaultDescription: 'one for two cores',
        describe: 'Runs at a time; seconds are compared best with 1',
      })
      .option('json', {
        type: 'boolean',
        default: false,
        describe: 'Print one JSON object, for other programs',
      }),
  async handler({ experiment, out, jobs, json }) {
    if (!(Number.isInteger(jobs) && jobs > 0))
      throw new UserError(`--jobs is ${jobs}, and it must be a whole number above 0.`)
    const log = (sentence: string) => process.stderr.write(`${sentence}\n`)
    const controller = new AbortController()
    const stop = () => {
      if (!controller.signal.aborted) log('Stopping after the steps at hand and their checkpoints.')
      controller.abort()
    }
    for (const signal of signals) process.on(signal, stop)
    try {
      const comparison = await compareArms(experiment, { out, jobs, cli, log, signal: controller.signal })
      process.stdout.write(json ? `${JSON.stringify(comparison)}\n` : renderComparison(comparison))
    } catch (error) {
      if (!(error instanceof Error && error.name === 'AbortError')) throw error
      log('Stopped. The same command goes on from here.')
      process.exitCode = 130
    } finally {
      for (const signal of signals) process.off(signal, stop)
    }
  },
}
