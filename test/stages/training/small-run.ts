import type { z } from 'zod'
import type { StageContext, StageDefinition } from '../../../stages/stage.ts'
import { backward } from '../../../stages/training/backward.ts'
import { forward } from '../../../stages/training/forward.ts'
import type { Batch, Forwarded, Selected, Step } from '../../../stages/training/messages.ts'
import { optimize } from '../../../stages/training/optimize.ts'

/** A run of eight batches of 4 rows of 6 tokens, for tests of the stages behind `pack`. */
export const vocabulary = 61
export const [rows, length, steps] = [4, 6, 8]

interface Cut {
  /** Step of the first batch. */
  readonly from?: number
  /** Rows of a batch. */
  readonly rowsEach?: number
  /** Batches of the whole run. */
  readonly count?: number
  /** What is otherwise in every batch. */
  readonly change?: Partial<Batch>
}

/** Batches whose tokens are a function of their place in the run, so that two of 4 rows are one of 8. */
export async function* batches(
  shards: string,
  { from = 0, rowsEach = rows, count, change }: Cut = {},
): AsyncGenerator<Batch> {
  const total = count ?? (steps * rows) / rowsEach
  for (let step = from; step < total; step++) {
    const size = rowsEach * (length + 1)
    yield {
      step,
      steps: total,
      rows: rowsEach,
      length,
      tokens: Int32Array.from({ length: size }, (_, i) => {
        const place = step * size + i
        return (place * place + 7 * Math.floor(place / 5)) % vocabulary
      }),
      documents: new Int32Array(size),
      hardness: new Float32Array(rowsEach),
      phases: new Int32Array(rowsEach),
      corpus: { shards, vocabulary, endOfText: 0 },
      stream: 'squares',
      ...change,
    }
  }
}

/** What stages said, in order. */
export const said: string[] = []

export function context<Options extends z.ZodObject>(
  stage: StageDefinition<Options, readonly never[], never> | { options: Options },
  options: z.input<Options>,
): StageContext<z.output<Options>> {
  return {
    options: stage.options.parse(options),
    signal: new AbortController().signal,
    stats: { add: () => undefined, drop: () => undefined, set: () => undefined, expect: () => undefined },
    log: (sentence) => said.push(sentence),
  }
}

export interface TrainOptions {
  readonly model?: z.input<typeof forward.options>
  readonly optimizer?: z.input<typeof optimize.options>
  readonly select?: (items: AsyncIterable<Forwarded>) => AsyncIterable<Forwarded | Selected>
}

/** Updates of a small model. */
export function train(
  source: AsyncIterable<Batch>,
  { model = {}, optimizer = {}, select = (items) => items }: TrainOptions,
): AsyncGenerator<Step> {
  const sizes = { dim: 16, layers: 2, heads: 4, seed: 3, ...model }
  const forwarded = forward.run(source, context(forward, sizes))
  const gradients = backward.run(select(forwarded), context(backward, {}))
  return optimize.run(gradients, context(optimize, { peak: 0.03, 'warm-up': 2, ...optimizer }))
}

export async function drain(messages: AsyncIterable<unknown>): Promise<void> {
  for await (const _ of messages);
}
