import { availableParallelism, totalmem } from 'node:os'
import type { CommandModule } from 'yargs'
import { probeBackends, renderProbes } from '../../stages/training/backend/probe.ts'

export const doctor: CommandModule = {
  async handler() {
    const machine = `Node ${process.version} on ${process.platform} ${process.arch}, ${availableParallelism()} cores, ${Math.round(totalmem() / 2 ** 30)} GiB of memory`
    process.stdout.write(`${machine}\n${renderProbes(await probeBackends())}\n`)
  },
}
