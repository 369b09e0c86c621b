import { LetterWords } from './letter-words.ts'
import { flags, type Gauge, type Metric, type ScoredDocument } from './metric.ts'
import { grown } from './word-table.ts'

/** How a factor, a stretch of text whose type-token ratio has fallen to the threshold, comes to its end. */
interface FactorRules {
  /** Whether a ratio of exactly 0.72 ends the factor. */
  readonly atThreshold: boolean
  /** Fewest words of a factor. */
  readonly shortest: number
  /** Whether the last word of the text can end one; if not, what it is in counts in part. */
  readonly lastMayEnd: boolean
}

const presets = {
  /** McCarthy and Jarvis as they describe it: below the threshold, at any length, at any word. */
  strict: { atThreshold: false, shortest: 1, lastMayEnd: true },
  /** LexicalRichness 0.5.1. */
  lexicalrichness: { atThreshold: true, shortest: 1, lastMayEnd: true },
  /** lexical-diversity of K. Kyle. */
  'lexical-diversity': { atThreshold: false, shortest: 10, lastMayEnd: false },
} as const satisfies Record<string, FactorRules>

export type MtldPreset = keyof typeof presets

export const mtldPresets = Object.keys(presets) as MtldPreset[]

/** Measures the lexical diversity of sequences of word ids. */
class Diversity {
  /** Whether some factor of the text measured last was complete. */
  complete = false
  /** Number of the factor in which each id was seen last. */
  #seen = new Int32Array(1 << 12)
  #factor = 0

  /** Mean of both directions' MTLD over ids[0, count), ids below `idLimit`. */
  measure(ids: Int32Array, count: number, idLimit: number, rules: FactorRules): number {
    this.complete = false
    if (idLimit > this.#seen.length) this.#seen = grown(this.#seen, idLimit)
    if (this.#factor > 1 << 30) {
      this.#seen.fill(0)
      this.#factor = 0
    }
    const forward = count / this.#factors(ids, count, 0, 1, rules)
    const backward = count / this.#factors(ids, count, count - 1, -1, rules)
    return (forward + backward) / 2
  }

  /** Factors, the last one in part; 1 where every word is different, so that the text is as long as its factor. */
  #factors(ids: Int32Array, count: number, first: number, step: 1 | -1, rules: FactorRules): number {
    const seen = this.#seen
    // 25 types less 18 tokens: the type-token ratio against 0.72 = 18 / 25, in whole numbers.
    const lowest = rules.atThreshold ? 1 : 0
    let excess = 0
    let factors = 0
    let tokens = 0
    let factor = ++this.#factor
    for (let word = 0, at = first; word < count; word++, at += step) {
      const id = ids[at]
      // 1 for a type not yet seen in this factor, else 0: without a branch, which nothing could predict.
      const difference = seen[id] ^ factor
      const isNew = (difference | -difference) >>> 31
      seen[id] = factor
      tokens++
      excess += 25 * isNew - 18
      if (excess >= lowest || tokens < rules.shortest || (word === count - 1 && !rules.lastMayEnd)) continue
      factors++
      tokens = 0
      excess = 0
      factor++
    }
    this.#factor = factor
    if (factors > 0) this.complete = true
    const types = (excess + 18 * tokens) / 25
    if (tokens > 0) factors += (1 - types / tokens) / (1 - 0.72)
    return factors === 0 ? 1 : factors
  }
}

/**
 * Measure of textual lexical diversity (McCarthy & Jarvis 2010, doi 10.3758/BRM.42.2.381): words per factor, the mean
 * of both reading directions. A text of nothing but different words has its number of words; one without words 0.
 *
 * @param words Words in order, compared as they are: lower-case them first.
 * @param options.preset Whose rules decide where a factor ends: `strict` (the authors'), `lexicalrichness` or
 *   `lexical-diversity`.
 * @throws RangeError for a preset that does not exist.
 */
export function mtld(words: readonly string[], { preset = 'strict' }: { preset?: MtldPreset } = {}): number {
  if (!Object.hasOwn(presets, preset)) {
    throw new RangeError(`mtld has no preset "${preset}"; its presets are ${mtldPresets.join(', ')}.`)
  }
  const idOf = new Map<string, number>()
  const ids = new Int32Array(words.length)
  for (const [at, word] of words.entries()) {
    let id = idOf.get(word)
    if (id === undefined) idOf.set(word, (id = idOf.size))
    ids[at] = id
  }
  return words.length === 0 ? 0 : new Diversity().measure(ids, ids.length, idOf.size, presets[preset])
}

class MtldGauge implements Gauge {
  flags = 0
  readonly #rules: FactorRules
  readonly #words = new LetterWords()
  readonly #diversity = new Diversity()

  constructor(rules: FactorRules) {
    this.#rules = rules
  }

  measure({ bytes }: ScoredDocument): number {
    const words = this.#words
    words.scan(bytes)
    this.flags = 0
    if (words.others > words.letters) this.flags |= flags.foreign
    if (words.count === 0) {
      this.flags |= flags.empty
      return 0
    }
    const value = this.#diversity.measure(words.ids, words.count, words.idLimit, this.#rules)
    if (!this.#diversity.complete) this.flags |= flags.censored
    return value
  }
}

/**
 * MTLD of the text's words, `text.toLowerCase().match(/[a-z]+/g)`, by a preset's rules. Named `mtld` by the authors'
 * rules, and `mtld-PRESET` by others.
 */
export function mtldMetricBy(preset: MtldPreset): Metric {
  return {
    name: preset === 'strict' ? 'mtld' : `mtld-${preset}`,
    version: 1,
    hardEnd: 'high',
    unit: 'words per factor',
    summary: 'Lexical diversity: how many words it takes until too many of them have occurred before.',
    source: 'McCarthy & Jarvis 2010, doi 10.3758/BRM.42.2.381',
    needsTokens: false,
    open: () => Promise.resolve(new MtldGauge(presets[preset])),
  }
}

export const mtldMetric = mtldMetricBy('strict')
