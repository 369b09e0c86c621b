import { existsSync } from 'node:fs'
import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { UserError } from '../../schemas/user-error.ts'
import { listCheckpoints } from '../../stages/training/checkpoint-folder.ts'
import { isPaused, type Request, requestsIn } from '../../stages/training/requests.ts'
import { loadGraph } from '../graph/load.ts'
import { isRunning, type LockHolder, parseHolder } from '../lock-holder.ts'

/** How a run stands: by its record, and by the lock that a training process holds on its folder. */
export type RunState =
  | { readonly name: 'ended' | 'stopped' }
  | {
      readonly name: 'training'
      readonly holder: LockHolder
      /** Whether its process is seen to run, on this machine. */
      readonly isHere: boolean
      readonly requested: ReadonlySet<Request>
      readonly isPaused: boolean
    }

/** A run, and where it keeps its checkpoints, beside which it looks for requests; undefined where it keeps none. */
export interface WatchedRun {
  readonly folder: string
  readonly checkpoints: string | undefined
}

export async function watchedRun(folder: string): Promise<WatchedRun> {
  try {
    const { nodes } = await loadGraph(join(folder, 'graph.yaml'))
    const placeOf = (name: string) => nodes.find(({ stage }) => stage.name === name)?.options.to as string
    const checkpoints = placeOf('checkpoint') as string | undefined
    // The run's folder may have been moved, or be named from elsewhere.
    return { folder, checkpoints: checkpoints === placeOf('record') ? folder : checkpoints }
  } catch (error) {
    // A graph of another version of gradus.
    if (!(error instanceof UserError)) throw error
    return { folder, checkpoints: undefined }
  }
}

export async function runState({ folder, checkpoints = folder }: WatchedRun): Promise<RunState> {
  const text = await readFile(join(folder, '.lock'), 'utf8').catch(() => '')
  const holder = parseHolder(text)
  const seen = holder && isRunning(holder)
  if (!holder || seen === false) return { name: existsSync(join(folder, 'run.json')) ? 'ended' : 'stopped' }
  return {
    name: 'training',
    holder,
    isHere: seen ?? false,
    requested: await requestsIn(checkpoints),
    isPaused: await isPaused(checkpoints),
  }
}

/** Differs where the run's records do, or how it stands. */
export async function runSignature(run: WatchedRun): Promise<string> {
  const names = ['graph.yaml', 'setup.json', 'steps.jsonl', 'evaluations.jsonl', 'run.json']
  const sizes = await Promise.all(
    names.map(async (name) => {
      const found = await stat(join(run.folder, name)).catch(() => undefined)
      return found ? `${found.size}-${found.mtimeMs}` : ''
    }),
  )
  const state = await runState(run)
  const training = state.name === 'training' ? [...state.requested, state.isPaused ? 'resting' : ''] : []
  const newest = run.checkpoints === undefined ? '' : (await listCheckpoints(run.checkpoints)).at(-1)
  return [...sizes, state.name, ...training, newest ?? ''].join(' ')
}
