import type { Batch } from './messages.ts'

/** One line of `dynamics.jsonl`: sums over the targets of a batch, by document; the lists are of one length. */
export interface DocumentSums {
  readonly step: number
  /** Positions in the order, rising. */
  readonly documents: readonly number[]
  /** Targets. */
  readonly tokens: readonly number[]
  /** In nats. */
  readonly loss: readonly number[]
  readonly probability: readonly number[]
  /** Targets with a probability above one half. */
  readonly correct: readonly number[]
}

/**
 * Sums over the targets of each document.
 * @param losses `[B·T]` in nats; a target's probability is exp(−loss)
 */
export function documentSums(
  { step, rows, length, documents }: Pick<Batch, 'step' | 'rows' | 'length' | 'documents'>,
  losses: Float32Array,
): DocumentSums {
  const sums = new Map<number, { tokens: number; loss: number; probability: number; correct: number }>()
  for (let row = 0; row < rows; row++) {
    for (let place = 0; place < length; place++) {
      const document = documents[row * (length + 1) + place + 1]
      let sum = sums.get(document)
      if (!sum) sums.set(document, (sum = { tokens: 0, loss: 0, probability: 0, correct: 0 }))
      const loss = losses[row * length + place]
      sum.tokens++
      sum.loss += loss
      sum.probability += Math.exp(-loss)
      if (loss < Math.LN2) sum.correct++
    }
  }
  const all = [...sums.values()]
  return {
    step,
    documents: [...sums.keys()],
    tokens: all.map(({ tokens }) => tokens),
    loss: all.map(({ loss }) => loss),
    probability: all.map(({ probability }) => probability),
    correct: all.map(({ correct }) => correct),
  }
}
