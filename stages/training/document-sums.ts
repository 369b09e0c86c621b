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
  /** Of each prediction's largest probability. */
  readonly largest?: readonly number[]
  /** Inputs that backward came to. */
  readonly inputs?: readonly number[]
  /** Of the norms of the gradients by these. */
  readonly gradient?: readonly number[]
}

/** What early cutting asks of a batch's tokens. */
export interface EarlyCuttingSignals {
  /** `[B·T]` largest probability of each prediction. */
  readonly largest: Float32Array
  /** `[B·T]` norm of the gradient by each input, NaN where there is none. */
  readonly gradients: Float32Array
}

/**
 * Sums over the targets of each document, and over its inputs.
 * @param losses `[B·T]` in nats; a target's probability is exp(−loss)
 */
export function documentSums(
  { step, rows, length, documents }: Pick<Batch, 'step' | 'rows' | 'length' | 'documents'>,
  losses: Float32Array,
  signals?: EarlyCuttingSignals,
): DocumentSums {
  const sums = new Map<number, Sum>()
  const sumOf = (document: number): Sum => {
    const known = sums.get(document) ?? { ...nothing }
    sums.set(document, known)
    return known
  }
  for (let row = 0; row < rows; row++) {
    for (let place = 0; place < length; place++) {
      const input = row * (length + 1) + place
      const i = row * length + place
      if (signals && !Number.isNaN(signals.gradients[i])) {
        const sum = sumOf(documents[input])
        sum.inputs++
        sum.gradient += signals.gradients[i]
      }
      const sum = sumOf(documents[input + 1])
      sum.tokens++
      sum.loss += losses[i]
      sum.probability += Math.exp(-losses[i])
      if (losses[i] < Math.LN2) sum.correct++
      if (signals) sum.largest += signals.largest[i]
    }
  }
  const all = [...sums.values()]
  const list = (name: keyof Sum) => all.map((sum) => sum[name])
  return {
    step,
    documents: [...sums.keys()],
    tokens: list('tokens'),
    loss: list('loss'),
    probability: list('probability'),
    correct: list('correct'),
    ...(signals && { largest: list('largest'), inputs: list('inputs'), gradient: list('gradient') }),
  }
}

type Sum = typeof nothing
const nothing = { tokens: 0, loss: 0, probability: 0, correct: 0, largest: 0, inputs: 0, gradient: 0 }
