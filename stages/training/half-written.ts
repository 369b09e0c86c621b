import { readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { dynamicsFile } from '../../schemas/dynamics.ts'

/** What a run itself writes into its folder under a temporary name; `report` and `export` have their own there. */
const files = ['graph.yaml', 'run.json', dynamicsFile]

/** Removes what a run that was killed left half-written. The caller keeps other processes out of its folder. */
export async function removeHalfWritten(run: string): Promise<void> {
  for (const name of files) await rm(join(run, `${name}.partial`), { force: true })
  const checkpoints = join(run, 'checkpoints')
  for (const name of await readdir(checkpoints).catch(() => [])) {
    if (/^\..*\.partial$/.test(name)) await rm(join(checkpoints, name), { recursive: true })
  }
}
