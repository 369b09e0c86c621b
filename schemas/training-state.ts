import type { Evaluation, StepRecord } from './run-record.ts'

/**
 * `training-state.json` in a checkpoint: what a run needs to go on from it, beside the model and what the optimizer
 * remembers of each parameter (`optimizer.safetensors`: `exp_avg` and `exp_avg_sq` of AdamW, `exp_avg` of Lion,
 * `momentum_buffer` of SGD, as PyTorch names them).
 */
export interface TrainingState {
  readonly version: 2
  /** Version of gradus that wrote it. */
  readonly gradus: string
  /** Updates made. */
  readonly updates: number
  /** Updates of the whole run. */
  readonly steps: number
  /** Batches seen, more than updates where several make one: batch `batches` is the next one. */
  readonly batches: number
  /** The optimizer's rule, which alone can go on with what the optimizer remembers. */
  readonly optimizer: string
  /** `Batch.stream` of the batches so far; those to come must be of the same. */
  readonly stream: string
  /** What the run's stages were beyond their options' values, by id: the hashes of files that these name, for instance. */
  readonly identities: Readonly<Record<string, unknown>>
  /** Versions of the run's stages, by id. A stage that is not among them was at version 1. */
  readonly versions: Readonly<Record<string, number>>
  /** What the last update did, for a run folder that did not hear of it. */
  readonly record: StepRecord
  /** Of the model as it is here; null where none was made before the checkpoint. */
  readonly evaluation: Evaluation | null
  /** The checkpoint's other files by name. */
  readonly files: Readonly<Record<string, StoredFile>>
}

/** A file as it was when it was whole. */
export interface StoredFile {
  readonly bytes: number
  readonly sha256: string
}
