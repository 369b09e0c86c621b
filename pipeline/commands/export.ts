import { join } from 'node:path'
import type { CommandModule } from 'yargs'
import { exportModel } from '../../stages/training/export-model.ts'
import { readNamedCheckpoint } from '../../stages/training/named-checkpoint.ts'
import { checkpointFlag } from './checkpoint-flag.ts'

interface Flags {
  run: string
  to: string | undefined
  checkpoint: string | undefined
}

export const exportCommand: CommandModule<object, Flags> = {
  builder: (yargs) =>
    yargs
      .positional('run', {
        type: 'string',
        demandOption: true,
        describe: 'Folder of a run, or of one of its checkpoints',
      })
      .option('to', {
        type: 'string',
        requiresArg: true,
        describe: 'Folder to write [default: `export` in that folder]',
      })
      .options(checkpointFlag),
  async handler({ run, to = join(run, 'export'), checkpoint: name }) {
    const log = (sentence: string) => process.stderr.write(`${sentence}\n`)
    const checkpoint = await readNamedCheckpoint(run, name, log)
    await exportModel(checkpoint, to)
    process.stdout.write(`The model is in \`${to}\`: float32, ${checkpoint.tensors.size} tensors.\n`)
  },
}
