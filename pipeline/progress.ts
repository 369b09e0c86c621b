import { MultiBar, type SingleBar } from 'cli-progress'
import type { Log, Stats } from '../stages/stage.ts'
import type { Dropped } from './output/event.ts'
import { Pace } from './pace.ts'

/** What one stage has counted so far. */
export class Counters implements Stats {
  readonly counts = new Map<string, number>()
  readonly gauges = new Map<string, number>()
  readonly drops = new Map<string, number>()
  #pace = new Pace()
  #expected: { readonly counter: string; readonly total: number } | undefined

  add(counter: string, amount: number) {
    const count = (this.counts.get(counter) ?? 0) + amount
    this.counts.set(counter, count)
    if (counter === this.#expected?.counter) this.#pace.note(count)
  }
  drop(reason: string, rows: number) {
    this.drops.set(reason, (this.drops.get(reason) ?? 0) + rows)
  }
  set(gauge: string, value: number) {
    this.gauges.set(gauge, value)
  }
  expect(counter: string, total: number) {
    if (counter !== this.#expected?.counter) this.#pace = new Pace()
    this.#expected = { counter, total }
    this.#pace.note(this.counts.get(counter) ?? 0)
  }

  /** How far the stage is by now, where it has said how far it will go. */
  get progress(): StageProgress | undefined {
    if (!this.#expected) return undefined
    const { counter, total } = this.#expected
    const done = Math.min(this.counts.get(counter) ?? 0, total)
    const { perSecond } = this.#pace
    const secondsLeft = done === total ? 0 : perSecond && (total - done) / perSecond
    return { counter, done, total, perSecond, secondsLeft }
  }
}

export interface StageProgress {
  readonly counter: string
  readonly done: number
  readonly total: number
  /** Undefined before the counter has risen. */
  readonly perSecond: number | undefined
  readonly secondsLeft: number | undefined
}

/** Shows how far the stages of a graph are while it runs. */
export interface ProgressDisplay {
  stats(id: string): Counters
  readonly log: Log
  /** Shows the last state. */
  stop(): void
  /** Everything that stages dropped, with the reasons. */
  drops(): Dropped[]
}

export function dropsOf(stages: ReadonlyMap<string, Counters>): Dropped[] {
  return [...stages].flatMap(([stage, { drops }]): Dropped[] =>
    [...drops].map(([reason, rows]) => ({ event: 'dropped', stage, reason, rows })),
  )
}

const secondsBetweenLines = 10
const millisecondsBetweenFrames = 100

/**
 * Shows how far each stage is: a bar a stage that knows its total on a terminal, plain lines elsewhere.
 * Everything goes to standard error, so that standard output stays for results.
 */
export class Progress implements ProgressDisplay {
  readonly #stages = new Map<string, Counters>()
  readonly #bars = new Map<string, SingleBar>()
  readonly #multibar: MultiBar | undefined
  readonly #timer: NodeJS.Timeout
  readonly #started = performance.now()
  readonly #printed = new Map<string, string>()

  constructor(stream: NodeJS.WriteStream = process.stderr) {
    if (stream.isTTY && !process.env.CI) {
      this.#multibar = new MultiBar({
        stream,
        format: '{stage} {bar} {value}/{total} {counter}{notes}',
        // What cannot be seen of a line at 80 columns is cut off, and a bar says the least.
        barsize: stream.columns < 100 ? 6 : 24,
        barCompleteChar: '━',
        barIncompleteChar: '─',
        hideCursor: true,
        clearOnComplete: false,
        emptyOnZero: true,
      })
    }
    const interval = this.#multibar ? millisecondsBetweenFrames : secondsBetweenLines * 1000
    this.#timer = setInterval(() => this.#show(), interval).unref()
  }

  stats(id: string): Counters {
    let counters = this.#stages.get(id)
    if (!counters) this.#stages.set(id, (counters = new Counters()))
    return counters
  }

  readonly log: Log = (sentence) => {
    if (this.#multibar) this.#multibar.log(`${sentence}\n`)
    else process.stderr.write(`${sentence}\n`)
  }

  /** Shows the last state and gives the terminal back. */
  stop() {
    clearInterval(this.#timer)
    this.#show()
    this.#multibar?.stop()
  }

  drops() {
    return dropsOf(this.#stages)
  }

  #show() {
    if (!this.#multibar) return this.#printLine()
    for (const [id, { progress, gauges }] of this.#stages) {
      if (progress) this.#draw(this.#multibar, id, progress, gauges)
    }
  }

  #draw(multibar: MultiBar, id: string, progress: StageProgress, gauges: ReadonlyMap<string, number>) {
    const { counter, done, total } = progress
    const notes = notesOf(pace(progress), gauges, ', ')
    const payload = { stage: id.padEnd(9), counter, notes }
    let bar = this.#bars.get(id)
    if (!bar) this.#bars.set(id, (bar = multibar.create(total, done, payload)))
    bar.setTotal(total)
    bar.update(done, payload)
  }

  /** Only what has changed since the last line. */
  #printLine() {
    const parts = [...this.#stages].flatMap(([id, { progress, gauges }]) => {
      if (!progress) return []
      const part = `${id} ${progress.done}/${progress.total} ${progress.counter}`
      const state = part + notesOf([], gauges, ' | ')
      if (this.#printed.get(id) === state) return []
      this.#printed.set(id, state)
      return [part + notesOf(pace(progress), gauges, ' | ')]
    })
    if (parts.length === 0) return
    const seconds = ((performance.now() - this.#started) / 1000).toFixed(0).padStart(4)
    process.stderr.write(`${seconds} s  ${parts.join(', ')}\n`)
  }
}

/** The rate, and the time that remains at it. */
function pace({ done, total, perSecond, secondsLeft }: StageProgress): string[] {
  const rate = perSecond === undefined ? [] : [`${Number(perSecond.toPrecision(3)).toLocaleString('en')}/s`]
  if (done === total) return [...rate, 'done']
  return secondsLeft === undefined ? ['starting'] : [...rate, `${duration(secondsLeft)} left`]
}

function duration(seconds: number): string {
  const [whole, minutes] = [Math.round(seconds), Math.round(seconds / 60)]
  if (whole < 60) return `${whole} s`
  if (minutes < 10) return `${Math.floor(whole / 60)} min ${whole % 60} s`
  return minutes < 60 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`
}

function notesOf(pace: readonly string[], gauges: ReadonlyMap<string, number>, separator: string): string {
  return [...pace, ...[...gauges].map(([name, value]) => `${name} ${formatNumber(value)}`)]
    .map((note) => separator + note)
    .join('')
}

/** Four significant digits, without an exponent where there is room. */
export function formatNumber(value: number): string {
  if (Number.isInteger(value)) return String(value)
  const size = Math.abs(value)
  return size >= 1e-3 && size < 1e6 ? String(Number(value.toPrecision(4))) : value.toExponential(2)
}
