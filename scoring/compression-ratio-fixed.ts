import { FrameSizes } from './compression-ratio.ts'
import { flags, type Gauge, type Metric, type ScoredDocument } from './metric.ts'

/** Bytes of a window: short enough for most documents to hold one, long enough for zstd to find repetition in. */
const windowBytes = 512

/**
 * The compression ratio measured so that a text's length hardly matters: over windows of 512 bytes, evenly spread
 * from the first byte to the last and each compressed for itself, bytes per compressed byte. Repetition further apart
 * than a window goes unseen. A text shorter than a window is measured whole, and then its length does matter.
 */
function windowedRatio(bytes: Uint8Array, frameSizes: FrameSizes): number {
  if (bytes.length <= windowBytes) return bytes.length / frameSizes.of(bytes)
  const windows = Math.ceil(bytes.length / windowBytes)
  const spread = bytes.length - windowBytes
  let compressed = 0
  for (let window = 0; window < windows; window++) {
    const start = Math.round((window * spread) / (windows - 1))
    compressed += frameSizes.of(bytes.subarray(start, start + windowBytes))
  }
  return (windows * windowBytes) / compressed
}

class FixedCompressionRatioGauge implements Gauge {
  flags = 0
  readonly #frameSizes = new FrameSizes()

  measure({ bytes }: ScoredDocument): number {
    this.flags = 0
    if (bytes.length === 0) this.flags = flags.empty
    else if (bytes.length < windowBytes) this.flags = flags.censored
    return windowedRatio(bytes, this.#frameSizes)
  }
}

export const fixedCompressionRatioMetric: Metric = {
  name: 'compression-ratio-fixed',
  version: 1,
  hardEnd: 'low',
  unit: 'bytes per compressed byte',
  summary:
    'How many times shorter zstd makes windows of 512 bytes; hardly depends on the length of the text.',
  source: 'ours, after arXiv 2506.11300',
  needsTokens: false,
  open: () => Promise.resolve(new FixedCompressionRatioGauge()),
}
