import { SingleBar } from 'cli-progress'

const secondsBetweenLines = 10
const millisecondsBetweenFrames = 100
/** How long the rate remembers. */
const rateSeconds = 5

/** Shows on standard error how much of all files is there: a bar on a terminal, plain lines elsewhere. */
export class Progress {
  readonly #bar: SingleBar | undefined
  readonly #timer: NodeJS.Timeout
  readonly #total: number
  #found = 0
  #arrived = 0
  #rate = 0
  #shown = { arrived: 0, at: performance.now() }

  constructor(totalBytes: number, stream: NodeJS.WriteStream = process.stderr) {
    this.#total = totalBytes
    if (stream.isTTY && !process.env.CI) {
      this.#bar = new SingleBar({
        stream,
        format: '{bar} {percentage}% | {amounts}',
        barsize: 24,
        barCompleteChar: '━',
        barIncompleteChar: '─',
        hideCursor: true,
        emptyOnZero: true,
        // It would end the process's own handling of Ctrl-C; stop() is called there too.
        gracefulExit: false,
      })
      this.#bar.start(totalBytes, 0, { amounts: '' })
    }
    const interval = this.#bar ? millisecondsBetweenFrames : secondsBetweenLines * 1000
    this.#timer = setInterval(() => this.#show(), interval).unref()
  }

  arrived(bytes: number) {
    this.#arrived += bytes
  }

  /** Bytes that need not come; they say nothing of the rate. Negative where some turn out useless. */
  found(bytes: number) {
    this.#found += bytes
  }

  log(sentence: string) {
    // The bar is drawn again at the next frame, below the line.
    if (this.#bar) process.stderr.write('\r\x1b[K')
    process.stderr.write(`${sentence}\n`)
  }

  /** Gives the terminal back. */
  stop() {
    clearInterval(this.#timer)
    if (!this.#bar) return
    this.#show()
    this.#bar.stop()
  }

  #show() {
    const now = performance.now()
    const seconds = (now - this.#shown.at) / 1000
    const rate = (this.#arrived - this.#shown.arrived) / seconds
    const weight = this.#rate === 0 ? 1 : 1 - Math.exp(-seconds / rateSeconds)
    this.#rate += weight * (rate - this.#rate)
    this.#shown = { arrived: this.#arrived, at: now }

    const done = this.#found + this.#arrived
    const left = this.#rate > 0 ? `, ${Math.ceil((this.#total - done) / this.#rate)} s left` : ''
    const amounts = `${formatBytes(done)} of ${formatBytes(this.#total)}, ${formatBytes(this.#rate)}/s${left}`
    if (this.#bar) this.#bar.update(done, { amounts })
    else process.stderr.write(`${amounts}\n`)
  }
}

/** Three significant digits, in powers of 1000: `1.92 GB`. */
export function formatBytes(bytes: number): string {
  const units = ['bytes', 'kB', 'MB', 'GB', 'TB', 'PB']
  const power = bytes < 1000 ? 0 : Math.min(units.length - 1, Math.floor(Math.log10(bytes) / 3))
  return `${Number((bytes / 1000 ** power).toPrecision(3))} ${units[power]}`
}
