import type { CommandModule } from 'yargs'
import { serveRun } from '../watch/server.ts'
import { portFlag } from './port-flag.ts'

const signals = ['SIGINT', 'SIGTERM'] as const

export const watch: CommandModule<object, { run: string; port: number }> = {
  builder: (yargs) =>
    yargs
      .positional('run', { type: 'string', demandOption: true, describe: 'Folder that `train --out` writes' })
      .options(portFlag),
  async handler({ run, port }) {
    const log = (sentence: string) => process.stderr.write(`${sentence}\n`)
    await using server = await serveRun(run, port, log)
    process.stdout.write(`${server.url}\n`)
    // `train --ui` is at the other end of the channel, and the page ends with it.
    if (!process.connected) log('Ctrl+C ends the page. The run goes on without it.')
    await new Promise<void>((resolve) => {
      for (const end of [...signals, 'disconnect'] as const) process.once(end, () => resolve())
    })
    // An open channel would keep the process.
    if (process.connected) process.disconnect()
  },
}
