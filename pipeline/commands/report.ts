import { stat } from 'node:fs/promises'
import type { CommandModule } from 'yargs'
import { UserError } from '../../schemas/user-error.ts'
import { replaceFile } from '../../stages/replace-file.ts'
import { formatNumber } from '../progress.ts'
import { report as renderReport } from '../report/report.ts'
import { writeEvents } from '../report/tensorboard.ts'

interface Flags {
  runs: string[]
  out: string
  samples: number
  tensorboard: boolean
}

export const report: CommandModule<object, Flags> = {
  builder: (yargs) =>
    yargs
      .positional('runs', {
        type: 'string',
        array: true,
        demandOption: true,
        describe:
          'Folders that `train --out` wrote, which are drawn over each other, or that `compare` wrote',
      })
      .option('out', {
        type: 'string',
        requiresArg: true,
        default: 'report.html',
        describe: 'Write the page to this file',
      })
      .option('samples', {
        type: 'number',
        requiresArg: true,
        default: 3,
        describe: 'Texts that the newest checkpoint of each run writes for the page',
      })
      .option('tensorboard', {
        type: 'boolean',
        default: false,
        describe: 'Write RUN/events.out.tfevents… for TensorBoard, and no page',
      }),
  async handler({ runs, out, samples, tensorboard }) {
    if (tensorboard) {
      for (const run of runs) process.stdout.write(`${await writeEvents(run)}\n`)
      return
    }
    if (!(Number.isInteger(samples) && samples >= 0)) {
      throw new UserError(`--samples is ${samples}, and it must be a whole number, 0 for none.`)
    }
    const log = (sentence: string) => process.stderr.write(`${sentence}\n`)
    const page = await renderReport(runs, { samples, log })
    await replaceFile(out, (file) => file.writeFile(page))
    const { size } = await stat(out)
    process.stdout.write(`${out} (${formatNumber(size / 1000)} kB)\n`)
  },
}
