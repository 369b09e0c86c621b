import * as tf from '@tensorflow/tfjs-core'
import type { Tensor } from '@tensorflow/tfjs-core'
import { dispose } from './backend/tidy.ts'
import { mergeRecords } from './merge-records.ts'
import type { Batch, Gradients } from './messages.ts'

/**
 * The gradient of an update that is made of several batches: that of the mean loss of all their kept tokens. Beside the
 * sum and the gradients of the batch at hand it holds one tensor at most.
 */
export class GradientSum {
  readonly #sums = new Map<string, Tensor>()
  readonly #parts: Pick<Gradients, 'batch' | 'record'>[] = []
  #startedAt = 0

  /** Adds the gradients of a batch, which stay the caller's. */
  add({ batch, gradients, record, startedAt }: Gradients): void {
    if (this.#parts.length === 0) this.#startedAt = startedAt
    this.#parts.push({ batch, record })
    // The first batch is the measure, so that batches that keep alike are added as they are.
    const weight = keptTokens(record) / keptTokens(this.#parts[0].record)
    for (const [name, gradient] of gradients) {
      const sum = this.#sums.get(name)
      this.#sums.set(name, sum ? added(sum, gradient, weight) : tf.clone(gradient))
      sum?.dispose()
    }
  }

  /** By parameter name. They stay the sum's, and are the mean's times 1 / `scale`. */
  get gradients(): ReadonlyMap<string, Tensor> {
    return this.#sums
  }

  /** What makes the sum a mean over tokens. */
  get scale(): number {
    const all = this.#parts.reduce((sum, { record }) => sum + keptTokens(record), 0)
    return keptTokens(this.#parts[0].record) / all
  }

  /** The first of the batches added. */
  get firstBatch(): Batch {
    return this.#parts[0].batch
  }

  /** When the first batch began, by performance.now(). */
  get startedAt(): number {
    return this.#startedAt
  }

  /** What all batches did, as one step. */
  record(step: number): Gradients['record'] {
    return mergeRecords(step, this.#parts)
  }

  /** Gives all tensors back, and begins anew. */
  clear(): void {
    dispose([...this.#sums.values()])
    this.#sums.clear()
    this.#parts.length = 0
  }
}

function added(sum: Tensor, gradient: Tensor, weight: number): Tensor {
  if (weight === 1) return tf.add(sum, gradient)
  return tf.tidy(() => tf.add(sum, tf.mul(gradient, weight)))
}

function keptTokens({ tokens, keptFraction }: Gradients['record']): number {
  return tokens * keptFraction
}
