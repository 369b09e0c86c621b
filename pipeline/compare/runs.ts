import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { open, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import type { z } from 'zod'
import { UserError } from '../../schemas/user-error.ts'
import { replaceFile } from '../../stages/replace-file.ts'
import type { Graph } from '../graph/graph.ts'
import { loadGraph } from '../graph/load.ts'
import { renderYaml } from '../graph/render.ts'
import type { RunSettings } from './arm.ts'

export interface PlannedRun extends RunSettings {
  readonly arm: string
  readonly graph: Graph
}

export interface RunningOptions {
  /** Path of the compiled command line. */
  readonly cli: string
  /** Runs at a time. */
  readonly jobs: number
  /** Aborted when the user wants to stop: runs then finish their step and write a checkpoint. */
  readonly signal: AbortSignal
  /** Called when a run has ended, with the seconds that it took. */
  onEnd(run: PlannedRun, seconds: number): Promise<void>
}

/** Holds the sentence that a run ended with, in place of `run.json`. */
const divergedName = 'diverged.txt'
const logName = 'train.log'

export function hasEnded({ folder }: RunSettings): boolean {
  return existsSync(join(folder, 'run.json')) || hasDiverged({ folder })
}

export function hasDiverged({ folder }: Pick<RunSettings, 'folder'>): boolean {
  return existsSync(join(folder, divergedName))
}

/**
 * Runs the training runs that have not ended, each in a process of its own; broken ones go on from their last
 * checkpoint. When one fails, those beside it write a checkpoint and stop.
 *
 * @throws UserError where a run fails, or was trained in another way than is asked for now; AbortError after a signal.
 */
export async function runAll(runs: readonly PlannedRun[], options: RunningOptions): Promise<void> {
  for (const run of runs) await checkFolder(run)
  const queue = runs.filter((run) => !hasEnded(run))
  const failed = new AbortController()
  const signal = AbortSignal.any([options.signal, failed.signal])
  const work = async () => {
    for (;;) {
      signal.throwIfAborted()
      const run = queue.shift()
      if (!run) return
      try {
        const startedAt = performance.now()
        await train(run, options.cli, signal)
        await options.onEnd(run, (performance.now() - startedAt) / 1000)
      } catch (error) {
        failed.abort(error)
        throw error
      }
    }
  }
  const results = await Promise.allSettled(Array.from({ length: options.jobs }, work))
  options.signal.throwIfAborted()
  if (results.some(({ status }) => status === 'rejected')) throw failed.signal.reason
}

/** @throws UserError where the run's folder holds a run of another graph. */
async function checkFolder({ folder, graph, arm }: PlannedRun): Promise<void> {
  const file = join(folder, 'graph.yaml')
  if (!existsSync(file)) return
  if (isDeepStrictEqual(essence(await loadGraph(file)), essence(graph))) return
  throw new UserError(
    `\`${folder}\` holds a run of another graph than arm \`${arm}\` has now. Give another --out, or remove that folder.`,
  )
}

/** What decides the outcome of a run, its folder left out, which may have been moved. */
function essence({ nodes }: Graph): unknown {
  return nodes.map(({ id, stage, from, options }) => {
    const deciding = Object.entries(options).filter(([name, value]) => {
      const isCosmetic = (stage.options.shape[name] as z.ZodType).meta()?.cosmetic === true
      return name !== 'to' && !isCosmetic && value !== undefined
    })
    return { id, stage: stage.name, from, options: Object.fromEntries(deciding) }
  })
}

/** `train --resume` begins a run whose folder holds nothing but its graph, and goes on with any other. */
async function train(run: PlannedRun, cli: string, signal: AbortSignal): Promise<void> {
  const { folder, graph } = run
  const file = join(folder, 'graph.yaml')
  if (!existsSync(file)) await replaceFile(file, (handle) => handle.writeFile(renderYaml(graph)))
  const path = join(folder, logName)
  const { code, killedBy } = await runChild([cli, 'train', '--resume', folder], path, signal)
  signal.throwIfAborted()
  if (code === 0) return
  const sentence = (await readFile(path, 'utf8')).trimEnd().split('\n').at(-1) ?? ''
  // A learning rate that is too high is a finding of the sweep.
  if (sentence.includes('training diverged')) {
    await writeFile(join(folder, divergedName), `${sentence}\n`)
    return
  }
  const end = killedBy === null ? sentence : `the process was ended by ${killedBy}.`
  throw new UserError(
    `${nameOf(run)} failed: ${end} \`${path}\` has the whole of it; the same command goes on when that is mended.`,
  )
}

async function runChild(
  parameters: readonly string[],
  log: string,
  signal: AbortSignal,
): Promise<{ code: number | null; killedBy: NodeJS.Signals | null }> {
  await using file = await open(log, 'a')
  // In a process group of its own, so that Ctrl-C reaches it once, through us: twice would stop it without a checkpoint.
  const child = spawn(process.execPath, parameters, {
    detached: true,
    stdio: ['ignore', 'ignore', file.fd],
  })
  const stop = () => child.kill('SIGTERM')
  signal.addEventListener('abort', stop)
  if (signal.aborted) stop()
  try {
    return await new Promise((resolve, reject) => {
      child.on('error', reject).on('close', (code, killedBy) => resolve({ code, killedBy }))
    })
  } finally {
    signal.removeEventListener('abort', stop)
  }
}

/** For messages. */
export function nameOf({ arm, seed, learningRate }: PlannedRun): string {
  return `${arm}, seed ${seed}, learning rate ${learningRate}`
}
