import { MultiBar, type SingleBar } from 'cli-progress'
import type { Log, Stats } from '../stages/stage.ts'

/** What one stage has counted so far. */
export class Counters implements Stats {
  readonly counts = new Map<string, number>()
  readonly gauges = new Map<string, number>()
  readonly drops = new Map<string, number>()
  expected: { counter: string; total: number } | undefined

  add(counter: string, amount: number) {
    this.counts.set(counter, (this.counts.get(counter) ?? 0) + amount)
  }
  drop(reason: string, rows: number) {
    this.drops.set(reason, (this.drops.get(reason) ?? 0) + rows)
  }
  set(gauge: string, value: number) {
    this.gauges.set(gauge, value)
  }
  expect(counter: string, total: number) {
    this.expected = { counter, total }
  }
}

const secondsBetweenLines = 10
const millisecondsBetweenFrames = 100

/**
 * Shows how far each stage is: a bar a stage that knows its total on a terminal, plain lines elsewhere.
 * Everything goes to standard error, so that standard output stays for results.
 */
export class Progress {
  readonly #stages = new Map<string, Counters>()
  readonly #bars = new Map<string, SingleBar>()
  readonly #multibar: MultiBar | undefined
  readonly #timer: NodeJS.Timeout
  readonly #started = performance.now()
  readonly #since = new Map<string, { readonly time: number; readonly value: number }>()
  readonly #printed = new Map<string, string>()

  constructor(stream: NodeJS.WriteStream = process.stderr) {
    if (stream.isTTY && !process.env.CI) {
      this.#multibar = new MultiBar({
        stream,
        format: '{stage} {bar} {percentage}% | {value}/{total} {counter} | {left}{notes}',
        barsize: 24,
        barCompleteChar: '━',
        barIncompleteChar: '─',
        hideCursor: true,
        clearOnComplete: false,
        emptyOnZero: true,
        autopadding: true,
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

  /** Everything that stages dropped, with the reasons. */
  drops(): { id: string; reason: string; rows: number }[] {
    return [...this.#stages].flatMap(([id, { drops }]) =>
      [...drops].map(([reason, rows]) => ({ id, reason, rows })),
    )
  }

  #show() {
    for (const [id, counters] of this.#stages) {
      const { expected, counts } = counters
      if (!expected) continue
      const value = Math.min(counts.get(expected.counter) ?? 0, expected.total)
      if (this.#multibar) this.#draw(id, counters, value)
    }
    if (!this.#multibar) this.#printLine()
  }

  #draw(id: string, { expected, gauges }: Counters, value: number) {
    const total = expected?.total ?? 0
    const payload = {
      stage: id.padEnd(10),
      counter: expected?.counter,
      left: this.#left(id, value, total),
      notes: notes(gauges),
    }
    let bar = this.#bars.get(id)
    if (!bar && this.#multibar) this.#bars.set(id, (bar = this.#multibar.create(total, value, payload)))
    bar?.setTotal(total)
    bar?.update(value, payload)
  }

  /** The time that remains, at the pace since the stage was first shown. */
  #left(id: string, value: number, total: number): string {
    if (value >= total) return 'done'
    const now = performance.now()
    const since = this.#since.get(id) ?? { time: now, value }
    this.#since.set(id, since)
    const seconds = ((now - since.time) / 1000) * ((total - value) / (value - since.value))
    if (!Number.isFinite(seconds)) return 'starting'
    const [minutes, rest] = [Math.floor(seconds / 60), Math.round(seconds % 60)]
    return minutes > 0 ? `${minutes} min ${rest} s left` : `${rest} s left`
  }

  /** Only what has changed since the last line. */
  #printLine() {
    const parts = [...this.#stages].flatMap(([id, { expected, counts, gauges }]) => {
      if (!expected) return []
      const part = `${id} ${counts.get(expected.counter) ?? 0}/${expected.total} ${expected.counter}${notes(gauges)}`
      if (this.#printed.get(id) === part) return []
      this.#printed.set(id, part)
      return [part]
    })
    if (parts.length === 0) return
    const seconds = ((performance.now() - this.#started) / 1000).toFixed(0).padStart(4)
    process.stderr.write(`${seconds} s  ${parts.join(', ')}\n`)
  }
}

function notes(gauges: ReadonlyMap<string, number>): string {
  return [...gauges].map(([name, value]) => ` | ${name} ${formatNumber(value)}`).join('')
}

/** Four significant digits, without an exponent where there is room. */
export function formatNumber(value: number): string {
  if (Number.isInteger(value)) return String(value)
  const size = Math.abs(value)
  return size >= 1e-3 && size < 1e6 ? String(Number(value.toPrecision(4))) : value.toExponential(2)
}
