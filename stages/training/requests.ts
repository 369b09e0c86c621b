import { readdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Log } from '../stage.ts'

/**
 * What may be asked of a run from outside its process: empty files of these names in its folder, which are looked for
 * between two steps. A file is there whole or not at all, outlives whoever asked, and reaches a run on another machine.
 *
 *     pause            make no step while the file is there
 *     checkpoint-now   write a checkpoint; the file goes when it is written
 *     stop             write a checkpoint, and end
 */
export type Request = 'pause' | 'checkpoint-now' | 'stop'

const requests: readonly Request[] = ['pause', 'checkpoint-now', 'stop']
/** The run's own word that it rests, in a file beside the request. */
const paused = 'paused'

const pollMilliseconds = 200

export async function askFor(request: Request, folder: string): Promise<void> {
  await writeFile(join(folder, request), '')
}

/** Takes back what was asked for, or says that it has been done. */
export async function withdraw(request: Request, folder: string): Promise<void> {
  await rm(join(folder, request), { force: true })
}

/** Forgets what was asked of a process that is gone, and what it said last. */
export async function withdrawAll(folder: string): Promise<void> {
  for (const name of [...requests, paused]) await rm(join(folder, name), { force: true })
}

export async function requestsIn(folder: string): Promise<ReadonlySet<Request>> {
  // A folder that is not there yet, or out of reach for a moment, asks for nothing.
  const names = await readdir(folder).catch((): string[] => [])
  return new Set(requests.filter((request) => names.includes(request)))
}

export async function isPaused(folder: string): Promise<boolean> {
  const names = await readdir(folder).catch((): string[] => [])
  return names.includes(paused)
}

interface Rest {
  /** Does at once what is asked for in the meantime. @returns whether the run shall end. */
  readonly attend: (requested: ReadonlySet<Request>) => Promise<boolean>
  readonly signal: AbortSignal
  readonly log: Log
}

/**
 * Waits as long as a pause is asked for. The process keeps its memory meanwhile, and its lock.
 * @returns whether the run shall end now
 */
export async function rest(folder: string, updates: number, { attend, signal, log }: Rest): Promise<boolean> {
  let requested = await requestsIn(folder)
  if (!requested.has('pause')) return false
  log(
    `Paused after step ${updates}, until \`${join(folder, 'pause')}\` is gone. Ctrl+C stops with a checkpoint.`,
  )
  await writeFile(join(folder, paused), '')
  try {
    while (requested.has('pause')) {
      if (await attend(requested)) return true
      await sleep(pollMilliseconds, undefined, { signal })
      requested = await requestsIn(folder)
    }
  } finally {
    await rm(join(folder, paused), { force: true })
  }
  log('Going on.')
  return false
}
