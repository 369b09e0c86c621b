import { existsSync } from 'node:fs'
import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { isRunning, type LockHolder, parseHolder } from '../lock-holder.ts'

/** How a run stands: by its record, and by the lock that a training process holds on its folder. */
export type RunState =
  | { readonly name: 'ended' | 'stopped' }
  /** By a process on this machine, or on another one, which no signal reaches. */
  | { readonly name: 'running' | 'elsewhere'; readonly holder: LockHolder }

export async function runState(folder: string): Promise<RunState> {
  const text = await readFile(join(folder, '.lock'), 'utf8').catch(() => '')
  const holder = parseHolder(text)
  const seen = holder && isRunning(holder)
  if (holder && seen !== false) return { name: seen ? 'running' : 'elsewhere', holder }
  return { name: existsSync(join(folder, 'run.json')) ? 'ended' : 'stopped' }
}

/** Differs where the run's records do, or how it stands. */
export async function runSignature(folder: string): Promise<string> {
  const names = ['graph.yaml', 'steps.jsonl', 'evaluations.jsonl', 'run.json']
  const sizes = await Promise.all(
    names.map(async (name) => {
      const found = await stat(join(folder, name)).catch(() => undefined)
      return found ? `${found.size}-${found.mtimeMs}` : ''
    }),
  )
  return [...sizes, (await runState(folder)).name].join(' ')
}
