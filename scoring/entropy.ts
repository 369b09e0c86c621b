import { flags, type Gauge, type Metric, type ScoredDocument } from './metric.ts'
import { grown } from './word-table.ts'

class EntropyGauge implements Gauge {
  flags = 0
  /** Occurrences by token id; all 0 between documents. */
  #counts = new Uint32Array(1 << 16)

  /** Bits per token of the distribution of the document's token ids: −Σ p log2 p; 0 where there are none. */
  measure({ tokens }: ScoredDocument): number {
    this.flags = tokens.length === 0 ? flags.empty : 0
    if (tokens.length === 0) return 0
    for (const token of tokens) {
      if (token >= this.#counts.length) this.#counts = grown(this.#counts, token + 1)
      this.#counts[token]++
    }
    // log2 n − Σ c log2 c / n, each token's term added where the token comes first.
    let sum = 0
    for (const token of tokens) {
      const count = this.#counts[token]
      if (count > 1) sum += count * Math.log2(count)
      this.#counts[token] = 0
    }
    return Math.max(0, Math.log2(tokens.length) - sum / tokens.length)
  }
}

export const entropyMetric: Metric = {
  name: 'entropy',
  version: 1,
  hardEnd: 'high',
  unit: 'bits per token',
  summary: 'How evenly the document spreads over the vocabulary; grows with its length.',
  source: 'Shannon 1948; as an order of training sequences, parameter-golf PR 737',
  needsTokens: true,
  open: () => Promise.resolve(new EntropyGauge()),
}
