import type { Log } from '../../stages/stage.ts'
import { Counters, dropsOf, type ProgressDisplay } from '../progress.ts'
import type { Event } from './event.ts'

const millisecondsBetweenEvents = 1000

/** Tells a program how far each stage is. */
export class JsonProgress implements ProgressDisplay {
  readonly #stages = new Map<string, Counters>()
  readonly #emit: (event: Event) => void
  readonly #timer: NodeJS.Timeout
  readonly #started = performance.now()
  readonly #told = new Map<string, string>()

  constructor(emit: (event: Event) => void) {
    this.#emit = emit
    this.#timer = setInterval(() => this.#show(), millisecondsBetweenEvents).unref()
  }

  stats(id: string): Counters {
    let counters = this.#stages.get(id)
    if (!counters) this.#stages.set(id, (counters = new Counters()))
    return counters
  }

  readonly log: Log = (text) => this.#emit({ event: 'message', text })

  stop(): void {
    clearInterval(this.#timer)
    this.#show()
  }

  drops() {
    return dropsOf(this.#stages)
  }

  #show(): void {
    const seconds = Math.round(performance.now() - this.#started) / 1000
    for (const [stage, counters] of this.#stages) {
      const { progress, gauges } = counters
      if (!progress) continue
      const { counter, done, total } = progress
      const state = { stage, counter, done, total, gauges: Object.fromEntries(gauges) }
      // Only what has changed since it was told last.
      const text = JSON.stringify(state)
      if (this.#told.get(stage) === text) continue
      this.#told.set(stage, text)
      const { perSecond = null, secondsLeft = null } = progress
      this.#emit({ event: 'progress', seconds, ...state, perSecond, secondsLeft })
    }
  }
}
