import type { Batch, CorpusDescription } from '../training/messages.ts'
import { type LengthGrowth, sequenceLength } from '../training/schedules/sequence-length.ts'
import { overlappingRows } from './rows.ts'
import type { TokenStore } from './token-store.ts'

/** An order as a stream of tokens: its documents one after the other, each with its separator. N documents. */
export interface StreamLayout {
  /** `[N + 1]` tokens of the stream before each document; the last entry is the stream's length. */
  readonly starts: Float64Array
  /** `[N]` where each document begins in the token store. */
  readonly offsets: Float64Array
  /** `[N]` rank of each document's difficulty, in [0, 1]. */
  readonly hardness: Float32Array
  /** `[N]` */
  readonly phases: Uint16Array
}

export interface BatchShape {
  /** Rows B of a batch. */
  readonly rows: number
  /** Predicted tokens a row, T. */
  readonly length: number
}

/**
 * Cuts a packed stream into batches. Row r of the run holds the stream's tokens r·T to r·T + T: consecutive rows share
 * one token, which is a target in the first and an input in the second, so that every token after the stream's first
 * is predicted exactly once.
 */
export class PackedStream {
  readonly steps: number
  readonly #growth: LengthGrowth | undefined
  readonly #layout: StreamLayout
  readonly #store: Pick<TokenStore, 'read'>
  readonly #corpus: CorpusDescription
  readonly #shape: BatchShape

  /**
   * @param tokens how many tokens are to be predicted at most; the stream is longer by one or more.
   * @param shape of every batch; where lengths grow, of the last one. All have as many tokens.
   */
  constructor(
    layout: StreamLayout,
    store: Pick<TokenStore, 'read'>,
    tokens: number,
    shape: BatchShape,
    corpus: CorpusDescription,
    growth?: LengthGrowth,
  ) {
    this.#growth = growth
    this.#layout = layout
    this.#store = store
    this.#corpus = corpus
    this.#shape = shape
    this.steps = Math.floor(tokens / (shape.rows * shape.length))
  }

  /**
   * The batch of a step, from 0. A pure function of order and step: a resumed run reads what a broken one would have.
   * @param starts where in the stream each row begins, if rows do not follow each other.
   */
  readBatch(
    step: number,
    starts?: readonly number[],
  ): Omit<Batch, 'stream'> & { readonly longest?: BatchShape } {
    const { rows, length } = this.shapeOf(step)
    const { hardness, phases } = this.#layout
    const { tokens, documents } = starts
      ? this.#readRows(starts, length + 1)
      : this.#readOn(step * rows * length, rows, length)
    const rowHardness = new Float32Array(rows)
    const rowPhases = new Int32Array(rows)
    for (let row = 0; row < rows; row++) {
      const owned = documents.subarray(row * (length + 1), (row + 1) * (length + 1))
      rowHardness[row] = owned.reduce((sum, document) => sum + hardness[document], 0) / owned.length
      rowPhases[row] = phases[owned[0]]
    }
    return {
      step,
      steps: this.steps,
      rows,
      length,
      tokens,
      documents,
      hardness: rowHardness,
      phases: rowPhases,
      corpus: this.#corpus,
      ...(this.#growth && { longest: this.#shape }),
    }
  }

  /** Shape of the batch of a step. */
  shapeOf(step: number): BatchShape {
    const { rows, length } = this.#shape
    if (!this.#growth) return this.#shape
    const grown = sequenceLength(this.#growth, length, rows * length, step / this.steps)
    return { rows: (rows * length) / grown, length: grown }
  }

  /** Rows that follow each other in the stream. */
  #readOn(first: number, rows: number, length: number): { tokens: Int32Array; documents: Int32Array } {
    const { tokens, documents } = this.#read(first, rows * length + 1)
    return {
      tokens: overlappingRows(tokens, rows, length),
      documents: overlappingRows(documents, rows, length),
    }
  }

  /** Rows of `width` tokens that lie anywhere. */
  #readRows(starts: readonly number[], width: number): { tokens: Int32Array; documents: Int32Array } {
    const tokens = new Int32Array(starts.length * width)
    const documents = new Int32Array(starts.length * width)
    starts.forEach((start, row) => {
      const read = this.#read(start, width)
      tokens.set(read.tokens, row * width)
      documents.set(read.documents, row * width)
    })
    return { tokens, documents }
  }

  /** `count` tokens of the stream from `first`, each with the position in the order of its document. */
  #read(first: number, count: number): { tokens: Int32Array; documents: Int32Array } {
    const { starts, offsets } = this.#layout
    const tokens = new Int32Array(count)
    const documents = new Int32Array(count)
    let document = lastAtMost(starts, first)
    for (let filled = 0; filled < count; document++) {
      const skipped = first + filled - starts[document]
      const end = Math.min(count, starts[document + 1] - first)
      this.#store.read(offsets[document] + skipped, tokens.subarray(filled, end))
      documents.fill(document, filled, end)
      filled = end
    }
    return { tokens, documents }
  }
}

/** Position of the last entry of the rising `values` that is at most `value`; the first one is. */
function lastAtMost(values: Float64Array, value: number): number {
  let low = 0
  let high = values.length
  while (high - low > 1) {
    const middle = (low + high) >>> 1
    if (values[middle] <= value) low = middle
    else high = middle
  }
  return low
}
