import { appendFile, mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import { UserError } from '../../schemas/user-error.ts'
import { cutBack } from '../training/json-lines.ts'
import type { Feedback } from '../training/messages.ts'
import type { BatchShape } from './packed-stream.ts'
import type { SourceSampler } from './source-sampler.ts'

/**
 * Steps after which a loss counts. Batches are made ahead of training, so that what a step is drawn by must not depend
 * on how far training has come: it is what was learned up to this many steps before, in every run. More than the
 * batches that may be under way between `pack` and `backward`.
 */
const delay = 8

/** One line of `sources.jsonl`: what a batch was drawn as, and what became of it; a number a row. */
interface SourcesLine {
  readonly step: number
  /** In the order of their names' spelling, from 0. */
  readonly sources: readonly number[]
  /** Mean loss in nats. */
  readonly losses: readonly number[]
}

interface SampledStream {
  /** Folder of the run. */
  readonly to: string
  /** First token of each source's documents in the packed stream. */
  readonly starts: readonly number[]
  readonly sampler: SourceSampler
  /** Shape of a step's batch. */
  readonly shapeOf: (step: number) => BatchShape
}

/**
 * Chooses the rows of batches from several sources, each of which is read on from where it was left. What the batches
 * came to is written to `sources.jsonl` in the run's folder, and a run that goes on draws its steps again from there.
 */
export class SampledRows {
  readonly #stream: SampledStream
  readonly #path: string
  /** Token of the packed stream at which the next row of each source begins. */
  readonly #next: number[]
  /** What is known of steps and not counted yet, by step. */
  readonly #waiting = new Map<number, SourcesLine>()
  #counted = 0
  #recorded = 0

  private constructor(stream: SampledStream) {
    this.#stream = stream
    this.#path = join(stream.to, 'sources.jsonl')
    this.#next = [...stream.starts]
  }

  /**
   * @param seen batches of the run so far, whose lines stay.
   * @param first step that will be drawn next.
   * @throws UserError where the lines are not those of this run up to there.
   */
  static async open(stream: SampledStream, seen: number, first: number): Promise<SampledRows> {
    await mkdir(stream.to, { recursive: true })
    const rows = new SampledRows(stream)
    await cutBack<SourcesLine>(
      rows.#path,
      ({ step }) => step === rows.#recorded && step < seen,
      (line) => {
        // The last batch comes again in a run that had no update left to make.
        if (line.step < first) rows.#drawAgain(line)
        rows.#recorded++
      },
    )
    if (rows.#recorded >= first) return rows
    throw new UserError(
      `\`${rows.#path}\` has whole lines up to batch ${rows.#recorded} only, and the run goes on with batch ${first}: by what its sources were drawn cannot be made up. Begin the run anew.`,
    )
  }

  /** Where in the packed stream each row of a step begins, and what takes in its losses. To be asked for every step in turn. */
  draw(step: number): { sources: readonly number[]; starts: readonly number[]; feedback: Feedback } {
    for (; this.#counted <= step - delay; this.#counted++) this.#count(this.#counted)
    const { rows, length } = this.#stream.shapeOf(step)
    const sources = this.#stream.sampler.draw(step, rows)
    const starts = sources.map((source) => {
      const start = this.#next[source]
      this.#next[source] += length
      return start
    })
    return { sources, starts, feedback: (losses) => this.#take(step, sources, losses) }
  }

  async #take(step: number, sources: readonly number[], losses: Float32Array): Promise<void> {
    if (step < this.#recorded) return
    const length = losses.length / sources.length
    const line = {
      step,
      sources,
      losses: sources.map((_, row) => {
        const own = losses.subarray(row * length, (row + 1) * length)
        return own.reduce((sum, loss) => sum + loss, 0) / length
      }),
    }
    this.#waiting.set(step, line)
    this.#recorded++
    await appendFile(this.#path, `${JSON.stringify(line)}\n`)
  }

  #drawAgain(line: SourcesLine): void {
    const { sources } = this.draw(line.step)
    if (!isDeepStrictEqual(sources, line.sources)) {
      throw new UserError(
        `\`${this.#path}\` belongs to another run: batch ${line.step} was drawn from other sources there. Begin the run anew.`,
      )
    }
    this.#waiting.set(line.step, line)
  }

  #count(step: number): void {
    const line = this.#waiting.get(step)
    if (!line) {
      throw new UserError(
        `What batch ${step} came to is not known: a mixture by \`ucb\` needs a \`backward\` stage behind \`pack\`.`,
      )
    }
    line.sources.forEach((source, row) => this.#stream.sampler.observe(source, line.losses[row]))
    this.#waiting.delete(step)
  }
}
