import type { Interruption, Log } from '../stages/stage.ts'
import type { Graph } from './graph/graph.ts'
import { Progress } from './progress.ts'
import { run, type RunSummary } from './run.ts'

const signals = ['SIGINT', 'SIGTERM'] as const

/**
 * Runs a graph for a person: shows progress on standard error and stops cleanly on SIGINT or SIGTERM. Where a stage has
 * something to save, it does so at the first signal, and the second one stops it at once.
 * @param workers threads among which the units of a graph that is cut are divided
 * @throws AbortError after such a signal.
 */
export async function execute(graph: Graph, workers = 1): Promise<RunSummary & { progress: Progress }> {
  const controller = new AbortController()
  const progress = new Progress()
  const interruption = new Signals(controller, progress.log)
  for (const signal of signals) process.on(signal, interruption.receive)
  try {
    const summary = await run(graph, {
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
  #isDeferred = false
  #isWished = false

  constructor(controller: AbortController, log: Log) {
    this.#controller = controller
    this.#log = log
  }

  get wished(): boolean {
    return this.#isWished
  }

  defer(): void {
    this.#isDeferred = true
  }

  fulfil(): void {
    this.#controller.abort()
  }

  readonly receive = (): void => {
    if (!this.#isDeferred || this.#isWished) this.fulfil()
    else this.#log('Stopping after this step and a checkpoint. A second signal stops at once.')
    this.#isWished = true
  }
}
