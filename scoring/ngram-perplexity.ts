import type { NgramCounts, NgramOrder } from './ngram-counts.ts'

export interface NgramPerplexityOptions {
  /** What is averaged over the models of one token, two tokens and so on, each weighing the same. */
  readonly interpolate?: 'probabilities' | 'perplexities'
  /** Whether the document is among those counted; its own n-grams are then taken out of the counts first. */
  readonly counted: boolean
}

/**
 * Perplexity of a document under n-gram models of a corpus, of one token up to `counts.order` tokens, each with the
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
 */
export function ngramPerplexity(
  document: Uint16Array | Uint32Array,
  counts: NgramCounts,
  { interpolate = 'probabilities', counted }: NgramPerplexityOptions,
): number {
  const { order, vocabulary, endOfText } = counts
  if (document.length === 0) return vocabulary
  const own = counted ? ownNgrams(document, counts) : undefined
  const occurrences = (length: NgramOrder, ngram: number): number => {
    const all = counts.countOf(length, ngram)
    // An n-gram past the most that are counted has no count to take the document's own from.
    return own === undefined || all === 0 ? all : all - (own[length - 1].get(ngram) ?? 0)
  }
  const tokens = counts.tokens - (counted ? document.length + 1 : 0)

  let mixed = 0
  const byOrder = [0, 0, 0]
  let before = -1
  let last = endOfText
  for (const token of document) {
    let probability = (occurrences(1, token) + 1) / (tokens + vocabulary)
    let sum = probability
    byOrder[0] += Math.log(probability)
    for (let length = 2; length <= order; length++) {
      if (length === 2) {
        probability = (occurrences(2, counts.bigram(last, token)) + probability) / (occurrences(1, last) + 1)
      } else if (before >= 0) {
        const context = occurrences(2, counts.bigram(before, last))
        probability = (occurrences(3, counts.trigram(before, last, token)) + probability) / (context + 1)
      }
      sum += probability
      byOrder[length - 1] += Math.log(probability)
    }
    mixed += Math.log(sum / order)
    before = last
    last = token
  }

  if (interpolate === 'probabilities') return Math.exp(-mixed / document.length)
  let sum = 0
  for (let length = 1; length <= order; length++) sum += Math.exp(-byOrder[length - 1] / document.length)
  return sum / order
}

/** Occurrences of the document's own n-grams: of one token, of two, of three. */
function ownNgrams(document: Uint16Array | Uint32Array, counts: NgramCounts): readonly Map<number, number>[] {
  const own = [new Map<number, number>(), new Map<number, number>(), new Map<number, number>()]
  const count = (length: NgramOrder, ngram: number): void => {
    own[length - 1].set(ngram, (own[length - 1].get(ngram) ?? 0) + 1)
  }
  let before = -1
  let last = counts.endOfText
  for (let at = 0; at <= document.length; at++) {
    const token = at < document.length ? document[at] : counts.endOfText
    count(1, token)
    count(2, counts.bigram(last, token))
    if (before >= 0) count(3, counts.trigram(before, last, token))
    before = last
    last = token
  }
  return own
}
