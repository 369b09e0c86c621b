import type { Tensor, Tensor2D } from '@tensorflow/tfjs-core'
import type { Evaluation, StepRecord } from '../../schemas/run-record.ts'
import type { HeldOut } from './held-out.ts'
import type { Activations } from './model/activations.ts'
import type { Kept } from './model/kept.ts'
import type { Model } from './model/model.ts'
import type { Optimizer } from './optimizers/optimizer.ts'

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
  /** Where sequences grow while the run lasts: the shape of its last batches, which hold as many tokens. */
  readonly longest?: { readonly rows: number; readonly length: number }
  /** `[B, T + 1]` token ids: inputs are the first T of a row, targets the last T. */
  readonly tokens: Int32Array
  /** `[B, T + 1]` position in the order of the document that a token belongs to. */
  readonly documents: Int32Array
  /** `[B]` mean hardness rank in [0, 1] of the documents in a row. */
  readonly hardness: Float32Array
  /** `[B]` curriculum phase of the row's first document. */
  readonly phases: Int32Array
  readonly corpus: CorpusDescription
  /** Hash of the stream of tokens that batches are cut from, and of their shape: equal ones give equal batches at equal steps. */
  readonly stream: string
  /** Where the documents of the order lie, the same object in every batch; absent where no order stands behind it. */
  readonly places?: DocumentPlaces
  /** Where later batches depend on what this one comes to: waits for its losses. */
  readonly feedback?: Feedback
}

/** Takes in the losses of a batch, `[B·T]` in nats, before its step goes on. */
export type Feedback = (losses: Float32Array) => Promise<void>

/** `[N]` part of the shards, and row in it, of each document of an order. */
export interface DocumentPlaces {
  readonly parts: Uint32Array
  readonly rows: Uint32Array
}

/** What a model must know of the shards that its batches come from; the same object in every batch of a run. */
export interface CorpusDescription {
  /** Folder of the shards. */
  readonly shards: string
  /** Token ids of the tokenizer, special ones included: every id in a batch is below. */
  readonly vocabulary: number
  /** Id of the token that separates documents. */
  readonly endOfText: number
}

export interface Forwarded {
  readonly batch: Batch
  /** The model belongs to the forward stage, which disposes of it when the run ends. */
  readonly model: Model
  /** `[B, T]` cross-entropy of each target in nats. */
  readonly losses: Tensor2D
  /** What backward needs, by layer. */
  readonly activations: Activations
  /** When the step began, by performance.now(). */
  readonly startedAt: number
  /** Milliseconds for which the step waited for its batch, before it began. */
  readonly waitingMs: number
  readonly forwardMs: number
  /** Where a stage asks for what only backward knows: takes it in before the step goes on. */
  readonly onInputGradients?: OnInputGradients
}

/**
 * Takes in, of every input `[B·T]`, the norm of the gradient by its embedding, of the sum of its row's kept losses; NaN in
 * rows of which none was kept, or none with a weight.
 */
export type OnInputGradients = (norms: Float32Array) => Promise<void>

/** What a selection stage decided. Plain data, no tensors. */
export interface Selection extends Kept {
  /** Share of the step's tokens that are kept. */
  readonly keptFraction: number
  /** Keep ratio that the schedule asked for. */
  readonly keepRatio: number
  /** Smallest score kept (mean over the row at sequence granularity), by default a loss in nats; null where there is none. */
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
  readonly gradients: ReadonlyMap<string, Tensor>
  /** When the step began, by performance.now(). */
  readonly startedAt: number
  readonly record: Omit<StepRecord, 'learningRate' | 'gradientNorm' | 'stepMs'>
}

/**
 * The model after an update. It may be read until the next message is asked for; the last message of a run is the one
 * with `updates` = `steps`. The first message comes before any update of this process: it has the model as it
 * was made, or the last message before the checkpoint that a run goes on from.
 */
export interface Step {
  /** Updates made so far. */
  readonly updates: number
  /** Updates of the whole run: its batches, or fewer where several make an update. */
  readonly steps: number
  /** The last batch of the last update; in the first message, the first one of the update to come. */
  readonly batch: Batch
  readonly model: Model
  readonly optimizer: Pick<Optimizer, 'rule' | 'export'>
  /** What the last update did; absent where there was none. */
  readonly record?: StepRecord
  /** Put there by an evaluation, with the text that it measured the model on. */
  readonly evaluation?: Evaluation
  readonly heldOut?: HeldOut
  /** Of the mean of the run's last models, which `checkpoint` writes at the end. */
  readonly meanEvaluation?: Evaluation
}
