import { flags, type Gauge, type Metric, type ScoredDocument } from './metric.ts'
import { NgramCounts, type NgramOrder } from './ngram-counts.ts'

export const interpolations = ['probabilities', 'perplexities'] as const

/** The document's n-grams cannot be taken out of counts that they are not in. */
export class UncountedDocument extends RangeError {
  override name = 'UncountedDocument'
}

export interface NgramPerplexityOptions {
  /** Tokens of the longest n-grams; as many as are counted unless given. */
  readonly order?: NgramOrder
  /** What is averaged over the models of one token, two tokens and so on, each weighing the same. */
  readonly interpolate?: (typeof interpolations)[number]
  /** Whether the document is among those counted; its own n-grams are then taken out of the counts first. */
  readonly counted: boolean
}

/**
 * Perplexity of a document under n-gram models of a corpus, of one token up to `order` tokens, each with the
 * same weight (S-Loss; with order 2, the bigram order of parameter-golf PR 772).
 *
 * With c the counts of the corpus without the document, N their tokens and V the vocabulary, the models are
 * P1(w) = (c(w) + 1) / (N + V), P2(w | v) = (c(v w) + P1(w)) / (c(v) + 1) and P3(w | u v) = (c(u v w) + P2(w | v)) /
 * (c(u v) + 1): relative frequencies to which a model adds one observation spread as the shorter model expects, so
 * that nothing is impossible. The first token follows end-of-text and is left to the models of one and two tokens.
 *
 * @param document Token ids without the end-of-text token.
 * @returns Perplexity a token, at least 1; `vocabulary` for a document without tokens, the perplexity of knowing
 *   nothing.
 * @throws RangeError for n-grams longer than those counted.
 * @throws UncountedDocument where a document that is said to be counted is not.
 */
export function ngramPerplexity(
  document: Uint16Array | Uint32Array,
  counts: NgramCounts,
  { order = counts.order, interpolate = 'probabilities', counted }: NgramPerplexityOptions,
): number {
  return perplexity(document, counts, {
    order,
    interpolate,
    own: counted ? noCounts(counts, order) : undefined,
  })
}

interface Measuring {
  readonly order: NgramOrder
  readonly interpolate: (typeof interpolations)[number]
  /** Takes the document's own n-grams, where they are to be taken out of the counts. */
  readonly own: NgramCounts | undefined
}

function noCounts({ vocabulary, endOfText }: NgramCounts, order: NgramOrder): NgramCounts {
  return new NgramCounts({ order, vocabulary, endOfText, mostNgrams: Infinity })
}

function perplexity(
  document: Uint16Array | Uint32Array,
  counts: NgramCounts,
  { order, interpolate, own }: Measuring,
): number {
  const { vocabulary, endOfText } = counts
  if (order > counts.order) {
    throw new RangeError(
      `N-grams of ${order} tokens are asked for, and of ${counts.order} at most are counted.`,
    )
  }
  if (document.length === 0) return vocabulary
  own?.clear()
  own?.add(document)
  const unigrams = (token: number): number => {
    const rest = counts.countOf(1, token) - (own ? own.countOf(1, token) : 0)
    if (rest >= 0) return rest
    throw new UncountedDocument('The document is not among those whose n-grams are counted.')
  }
  // An n-gram past the most that are counted may have fewer counts than the document has of it.
  const longer = (length: NgramOrder, ngram: number): number =>
    Math.max(0, counts.countOf(length, ngram) - (own ? own.countOf(length, ngram) : 0))

  const smoothed = counts.tokens - (own ? own.tokens : 0) + vocabulary
  let mixed = 0
  const byOrder = [0, 0, 0]
  let before = -1
  let last = endOfText
  let lastCount = unigrams(endOfText)
  let pairCount = 0
  for (const token of document) {
    const count = unigrams(token)
    let probability = (count + 1) / smoothed
    let sum = probability
    byOrder[0] += Math.log(probability)
    if (order >= 2) {
      const found = longer(2, counts.bigram(last, token))
      probability = (found + probability) / (lastCount + 1)
      sum += probability
      byOrder[1] += Math.log(probability)
      if (order === 3) {
        if (before >= 0) {
          const found = longer(3, counts.trigram(before, last, token))
          // A context past the most that are counted occurs as often as what is counted of it.
          probability = (found + probability) / (Math.max(found, pairCount) + 1)
        }
        sum += probability
        byOrder[2] += Math.log(probability)
      }
      pairCount = found
    }
    mixed += Math.log(sum / order)
    before = last
    last = token
    lastCount = count
  }

  if (interpolate === 'probabilities') return Math.exp(-mixed / document.length)
  let sum = 0
  for (let length = 1; length <= order; length++) sum += Math.exp(-byOrder[length - 1] / document.length)
  return sum / order
}

class NgramPerplexityGauge implements Gauge {
  flags = 0
  readonly #counts: NgramCounts
  readonly #measuring: Measuring

  constructor(counts: NgramCounts, { order, interpolate }: Omit<Measuring, 'own'>) {
    this.#counts = counts
    this.#measuring = { order, interpolate, own: noCounts(counts, order) }
  }

  measure({ tokens }: ScoredDocument): number {
    this.flags = tokens.length === 0 ? flags.empty : 0
    return perplexity(tokens, this.#counts, this.#measuring)
  }
}

/**
 * Perplexity of documents by the n-grams of the rest of their corpus. Named `ngram-perplexity`, and with other options
 * than order 3 and probabilities `ngram-perplexity-2`, `ngram-perplexity-2-perplexities` and so on.
 *
 * @param open loads the corpus' counts; the documents are among those counted.
 */
export function ngramPerplexityMetric(
  { order, interpolate }: Omit<Measuring, 'own'>,
  open: () => Promise<NgramCounts>,
): Metric {
  const suffixes = [order === 3 ? '' : `-${order}`, interpolate === 'probabilities' ? '' : `-${interpolate}`]
  return {
    name: `ngram-perplexity${suffixes.join('')}`,
    version: 1,
    hardEnd: 'high',
    unit: 'perplexity per token',
    summary: 'How little the n-grams of the rest of the corpus foretell the document.',
    source: 'S-Loss; with order 2, parameter-golf PR 772',
    needsTokens: true,
    open: async () => new NgramPerplexityGauge(await open(), { order, interpolate }),
  }
}
