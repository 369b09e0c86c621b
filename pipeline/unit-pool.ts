import { MessageChannel, type MessagePort } from 'node:worker_threads'
import { Piscina } from 'piscina'
import { UserError } from '../schemas/user-error.ts'
import type { Share, UnfinishedUnit } from '../stages/documents/unit.ts'
import type { Stats } from '../stages/stage.ts'
import type { Graph } from './graph/graph.ts'
import type { Assignment } from './graph/parse.ts'
import type { RunOptions } from './run.ts'

/** What a worker is given. It reads the graph for itself, since functions do not travel between threads. */
export interface UnitTask extends UnfinishedUnit {
  readonly file: string
  readonly assignments: readonly Assignment[]
  readonly share?: Share
  /** Takes the worker's reports, and brings it the word to stop. */
  readonly port: MessagePort
}

/** A sentence for the user, or a call of one stage's counters. */
export type Report =
  | { readonly log: string }
  | { readonly id: string; readonly call: keyof Stats; readonly parameters: readonly (string | number)[] }

/**
 * Runs each unit in one of several threads. What comes out does not depend on how many there are.
 * @throws the first error of any unit, after the others have stopped.
 */
export async function runUnits(
  { file, assignments }: Graph,
  units: readonly UnfinishedUnit[],
  workers: number,
  options: RunOptions,
): Promise<void> {
  const failed = new AbortController()
  const signal = AbortSignal.any([options.signal, failed.signal])
  const pool = new Piscina<UnitTask, string | undefined>({
    filename: new URL('./unit-worker.js', import.meta.url).href,
    minThreads: workers,
    maxThreads: workers,
    concurrentTasksPerWorker: 1,
  })
  const { share } = options
  const runUnit = async (unit: UnfinishedUnit) => {
    const { port1, port2 } = new MessageChannel()
    const stop = () => port1.postMessage('stop')
    signal.addEventListener('abort', stop)
    port1.on('message', (report: Report) => take(report, options))
    try {
      const task = { ...unit, file, assignments, port: port2, ...(share && { share }) }
      const mistake = await pool.run(task, { transferList: [port2] })
      if (mistake !== undefined) throw new UserError(mistake)
    } catch (error) {
      failed.abort(error)
    } finally {
      signal.removeEventListener('abort', stop)
      port1.close()
    }
  }
  try {
    // All workers take from one list.
    const left = units.values()
    const work = async () => {
      for (const unit of left) {
        if (signal.aborted || options.interruption?.wished) return
        await runUnit(unit)
      }
    }
    await Promise.all(Array.from({ length: workers }, work))
  } finally {
    await pool.destroy()
  }
  signal.throwIfAborted()
}

function take(report: Report, options: RunOptions) {
  if ('log' in report) return options.log(report.log)
  const { id, call, parameters } = report
  const counters = options.stats(id) as Record<
    keyof Stats,
    (...parameters: readonly (string | number)[]) => void
  >
  counters[call](...parameters)
}
