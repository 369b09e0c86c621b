import type { Share } from '../stages/documents/unit.ts'
import type { Interruption, Log } from '../stages/stage.ts'
import type { Graph } from './graph/graph.ts'
import { Progress, type ProgressDisplay } from './progress.ts'
import { run, type RunSummary } from './run.ts'

const signals = ['SIGINT', 'SIGTERM'] as const

export interface Execution {
  /** Threads among which the units of a graph that is cut are divided. */
  readonly workers?: number
  readonly share?: Share
  /** Shows how far it is; by default to a person. */
  readonly progress?: ProgressDisplay
  /** Called once the plan is written, before the first unit runs. */
  onPlanned?(): Promise<void>
}

/**
 * Runs a graph for whoever gave the command: shows progress and stops cleanly on SIGINT or SIGTERM. Where a stage has
 * something to save, it does so at the first signal, and the second one stops it at once.
 * @throws AbortError after such a signal.
 */
export async function execute(
  graph: Graph,
  { workers = 1, progress = new Progress(), ...execution }: Execution = {},
): Promise<RunSummary & { progress: ProgressDisplay }> {
  const controller = new AbortController()
  const interruption = new Signals(controller, progress.log)
  for (const signal of signals) process.on(signal, interruption.receive)
  try {
    const summary = await run(graph, {
      ...execution,
      signal: controller.signal,
      interruption,
      workers,
      log: progress.log,
      stats: (id) => progress.stats(id),
    })
    return { ...summary, progress }
  } finally {
    progress.stop()
    for (const signal of signals) process.off(signal, interruption.receive)
  }
}

class Signals implements Interruption {
  readonly #controller: AbortController
  readonly #log: Log
  #until: string | undefined
  #isWished = false

  constructor(controller: AbortController, log: Log) {
    this.#controller = controller
    this.#log = log
  }

  get wished(): boolean {
    return this.#isWished
  }

  defer(until = 'this step and a checkpoint'): void {
    this.#until = until
  }

  fulfil(): void {
    this.#controller.abort()
  }

  readonly receive = (): void => {
    if (this.#until === undefined || this.#isWished) this.fulfil()
    else this.#log(`Stopping after ${this.#until}. A second signal stops at once.`)
    this.#isWished = true
  }
}
