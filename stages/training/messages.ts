import type { Tensor1D, Tensor2D } from '@tensorflow/tfjs-core'
import type { Activations } from './model/activations.ts'
import type { Model } from './model/model.ts'

/**
 * The messages of a training step, in the order in which stages hand them on. Each owns its tensors:
 * whoever takes a message disposes of what does not travel further, and an aborted run disposes of everything.
 */

/** Packed token sequences of one step. Plain data, no tensors. */
export interface Batch {
  /** From 0. */
  readonly step: number
  /** Steps of the whole run, so that schedules know their progress. */
  readonly steps: number
  /** Rows B. */
  readonly rows: number
  /** Predicted tokens a row, T. */
  readonly length: number
  /** `[B, T + 1]` token ids: inputs are the first T of a row, targets the last T. */
  readonly tokens: Int32Array
  /** `[B, T + 1]` position in the order of the document that a token belongs to. */
  readonly documents: Int32Array
  /** `[B]` mean hardness rank in [0, 1] of the documents in a row. */
  readonly hardness: Float32Array
  /** `[B]` curriculum phase of the row's first document. */
  readonly phases: Int32Array
}

export interface Forwarded {
  readonly batch: Batch
  readonly model: Model
  /** `[B, T]` cross-entropy of each target in nats. */
  readonly losses: Tensor2D
  /** What backward needs, by layer. */
  readonly activations: Activations
  /** Milliseconds spent in forward. */
  readonly forwardMs: number
}

export interface Selection {
  /** Rows that backward runs on, ascending; undefined for all of them. */
  readonly rows?: Int32Array
  /** `[kept rows · T]` weight of each token's loss in the step's loss; they sum to 1 where losses are averaged. */
  readonly weights: Tensor1D
  /** Share of the step's tokens with a weight above zero. */
  readonly keptFraction: number
  /** Keep ratio that the schedule asked for. */
  readonly keepRatio: number
  /** Smallest loss kept, in nats (mean over the row at sequence granularity); null where selection has no threshold. */
  readonly threshold: number | null
  /** Mean loss of kept tokens, in nats. */
  readonly keptLoss: number
  /** Mean loss of all tokens, in nats. */
  readonly loss: number
}

export interface Selected extends Forwarded {
  readonly selection: Selection
}

export interface Gradients {
  readonly batch: Batch
  readonly model: Model
  /** By parameter name, each of its parameter's shape. */
  readonly gradients: ReadonlyMap<string, import('@tensorflow/tfjs-core').Tensor>
  readonly record: Omit<StepRecord, 'learningRate' | 'gradientNorm' | 'stepMs'> & { readonly startedAt: number }
}

/** One line of a run's `steps.jsonl`. */
export interface StepRecord {
  readonly step: number
  /** Mean loss of all tokens, in nats. */
  readonly loss: number
  readonly keptLoss: number
  readonly keepRatio: number
  readonly keptFraction: number
  readonly threshold: number | null
  readonly learningRate: number
  /** Global norm before clipping. */
  readonly gradientNorm: number
  /** Tokens seen in this step, B · T. */
  readonly tokens: number
  readonly forwardMs: number
  readonly backwardMs: number
  readonly stepMs: number
}

export interface Step {
  readonly record: StepRecord
  readonly steps: number
  readonly model: Model
}
