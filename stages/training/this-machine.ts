import { availableParallelism, cpus, hostname } from 'node:os'
import type { Machine } from '../../schemas/run-record.ts'

/** What this process runs on, as far as the system says. */
export function thisMachine(): Machine {
  return {
    name: hostname(),
    processor: cpus()[0]?.model ?? 'unknown',
    cores: availableParallelism(),
    platform: `${process.platform} ${process.arch}`,
    node: process.version,
  }
}
