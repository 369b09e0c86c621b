import type { CommandModule } from 'yargs'
import { serveRun } from '../watch/server.ts'

const signals = ['SIGINT', 'SIGTERM'] as const

export const watch: CommandModule<object, { run: string; port: number }> = {
  command: 'watch <run>',
  describe: 'Show the report of a run in a browser on this machine, up to date while it trains',
  builder: (yargs) =>
    yargs
      .positional('run', { type: 'string', demandOption: true, describe: 'Folder that `train --out` writes' })
      .option('port', {
        type: 'number',
        requiresArg: true,
        default: 7331,
        describe: 'Of the loopback address; 0 for any that is free',
      }),
  async handler({ run, port }) {
    const log = (sentence: string) => process.stderr.write(`${sentence}\n`)
    await using server = await serveRun(run, port, log)
    process.stdout.write(`${server.url}\n`)
    log('Ctrl+C ends the page. The run goes on without it.')
    await new Promise<void>((resolve) => {
      for (const signal of signals) process.once(signal, () => resolve())
    })
  },
}
