import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { CommandModule } from 'yargs'
import { UserError } from '../../schemas/user-error.ts'
import { verifyOrders } from '../../stages/curriculum/verify-orders.ts'
import { manifestNames } from '../../stages/shards/manifest-file.ts'
import { verifyShards } from '../../stages/shards/verify-shards.ts'
import { verifyRun } from '../../stages/training/verify-run.ts'
import { Verification } from '../../stages/verification.ts'

export const verify: CommandModule<object, { folder: string; json: boolean }> = {
  builder: (yargs) =>
    yargs
      .positional('folder', {
        type: 'string',
        demandOption: true,
        describe: 'Folder that `score` or `train` wrote',
      })
      .option('json', {
        type: 'boolean',
        default: false,
        describe: 'Print one JSON object, for other programs',
      }),
  async handler({ folder, json }) {
    const verification = new Verification(new AbortController().signal)
    const holdsShards = (await manifestNames(folder)).length > 0 || existsSync(join(folder, 'plan.json'))
    const holdsRun = ['graph.yaml', 'checkpoints'].some((name) => existsSync(join(folder, name)))
    if (!holdsShards && !holdsRun) {
      throw new UserError(
        `\`${folder}\` holds no shards and no run: give the folder that \`score\` or \`train\` wrote.`,
      )
    }
    if (holdsShards) {
      await verifyShards(folder, verification)
      await verifyOrders(folder, verification)
    }
    if (holdsRun) await verifyRun(folder, verification)
    const { files, damage } = verification
    if (damage.length > 0) process.exitCode = 1
    if (json) process.stdout.write(`${JSON.stringify({ folder, files, damage })}\n`)
    else if (damage.length === 0) process.stdout.write(`${files} files are as they were written.\n`)
    else process.stdout.write(damage.map((sentence) => `${sentence}\n`).join(''))
  },
}
