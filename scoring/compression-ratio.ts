import zstd from 'zstd-napi/binding.js'
import { flags, type Gauge, type Metric, type ScoredDocument } from './metric.ts'

const level = 3
/** Longest output buffer that is kept from one document to the next. */
const longestKept = 1 << 20

/** Measures how long zstd makes texts: one frame each, level 3. A text's frame does not depend on those before it. */
export class FrameSizes {
  readonly #context = new zstd.CCtx()
  #frame = new Uint8Array(1 << 16)

  /** Bytes of the frame that `bytes` compress to. */
  of(bytes: Uint8Array): number {
    const bound = zstd.compressBound(bytes.length)
    if (bound > longestKept) return this.#context.compress(new Uint8Array(bound), bytes, level)
    if (bound > this.#frame.length) this.#frame = new Uint8Array(bound * 2)
    return this.#context.compress(this.#frame, bytes, level)
  }
}

let frameSizes: FrameSizes | undefined

/**
 * UTF-8 bytes per byte of the zstd frame they compress to (level 3, one frame), the signal of arXiv 2506.11300. High
 * where the text repeats itself. Grows with length, and is below 1 where the frame's header outweighs what is saved.
 */
export function compressionRatio(text: string | Uint8Array): number {
  frameSizes ??= new FrameSizes()
  const bytes = typeof text === 'string' ? Buffer.from(text) : text
  return bytes.length / frameSizes.of(bytes)
}

class CompressionRatioGauge implements Gauge {
  flags = 0
  readonly #frameSizes = new FrameSizes()

  measure({ bytes }: ScoredDocument): number {
    this.flags = bytes.length === 0 ? flags.empty : 0
    return bytes.length / this.#frameSizes.of(bytes)
  }
}

export const compressionRatioMetric: Metric = {
  name: 'compression-ratio',
  version: 1,
  hardEnd: 'low',
  unit: 'bytes per compressed byte',
  summary: 'How many times shorter zstd makes the text; grows with its length.',
  source: 'arXiv 2506.11300',
  needsTokens: false,
  open: () => Promise.resolve(new CompressionRatioGauge()),
}
