import { flags, type Gauge, type Metric, type ScoredDocument } from './metric.ts'
import { ReadabilityCounts } from './readability-counts.ts'

/** Flesch's reading ease and the counts that it is made of. */
export interface FleschReadingEase {
  readonly score: number
  readonly words: number
  readonly sentences: number
  readonly syllables: number
}

/** 0 where there is no word, as in textstat: the formula has no value there. */
function score({ words, sentences, syllables }: ReadabilityCounts): number {
  return words === 0 ? 0 : 206.835 - 1.015 * (words / sentences) - 84.6 * (syllables / words)
}

let counts: ReadabilityCounts | undefined

/**
 * Flesch's reading ease (Flesch 1948, A new readability yardstick): 206.835 − 1.015·words/sentences −
 * 84.6·syllables/words, counted as textstat 0.7.11 does for US English. Easy prose is near 100; there is no bound
 * either way.
 */
export function fleschReadingEase(text: string): FleschReadingEase {
  counts ??= new ReadabilityCounts()
  counts.scan(Buffer.from(text))
  const { words, sentences, syllables } = counts
  return { score: score(counts), words, sentences, syllables }
}

class FleschGauge implements Gauge {
  flags = 0
  readonly #counts = new ReadabilityCounts()

  measure({ bytes }: ScoredDocument): number {
    const counts = this.#counts
    counts.scan(bytes)
    this.flags = 0
    if (counts.words === 0) this.flags |= flags.empty
    else if (counts.noSentence) this.flags |= flags.censored
    if (counts.overlong) this.flags |= flags.truncated
    if (counts.foreignWords * 2 > counts.words) this.flags |= flags.foreign
    return score(counts)
  }
}

export const fleschMetric: Metric = {
  name: 'flesch',
  version: 1,
  hardEnd: 'low',
  unit: 'points',
  summary: "Flesch's reading ease of English: short sentences and short words are easy.",
  source: 'Flesch 1948; counts as in textstat 0.7.11',
  needsTokens: false,
  open: () => Promise.resolve(new FleschGauge()),
}
