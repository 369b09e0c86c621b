/**
 * What a training run leaves in its folder:
 *
 *     graph.yaml          the graph with every option; `train graph.yaml` runs it again
 *     steps.jsonl         a StepRecord a line
 *     evaluations.jsonl   an Evaluation a line
 *     run.json            a RunRecord, written when the run has ended
 *     checkpoints/        a folder a checkpoint; what is in it, `TrainingState` says
 */

/** One line of `steps.jsonl`: plain numbers about one training step. */
export interface StepRecord {
  /** From 0. */
  readonly step: number
  /** Mean loss of all tokens, in nats. */
  readonly loss: number
  /** Mean loss of the kept tokens, in nats. */
  readonly keptLoss: number
  /** Keep ratio that the schedule asked for. */
  readonly keepRatio: number
  /** Share of the tokens that had a weight above zero. */
  readonly keptFraction: number
  /** Smallest loss kept, in nats (the row's mean at sequence granularity); null where selection has no threshold. */
  readonly threshold: number | null
  readonly learningRate: number
  /** Global norm before clipping. */
  readonly gradientNorm: number
  /** Tokens seen, B · T. */
  readonly tokens: number
  readonly forwardMs: number
  readonly backwardMs: number
  readonly stepMs: number
}

/** One line of `evaluations.jsonl`: the model on held-out documents. */
export interface Evaluation {
  /** Updates made before it. */
  readonly step: number
  /** Mean cross-entropy of a token, in nats. */
  readonly nats: number
  readonly perplexity: number
  /** (Σ nats / ln 2) / UTF-8 bytes of the documents. */
  readonly bitsPerByte: number
  /** The same measure for a unigram model of the training tokens. */
  readonly unigramBitsPerByte: number
  readonly tokens: number
  readonly bytes: number
}

/** `run.json`. */
export interface RunRecord {
  readonly version: 1
  readonly gradus: string
  readonly backend: { readonly name: string; readonly device: string; readonly reason: string }
  readonly parameters: number
  readonly steps: number
  readonly tokens: number
  /** Wall-clock seconds in steps, evaluation and checkpoints left out. */
  readonly seconds: number
  readonly tokensPerSecond: number
  readonly before: Evaluation | null
  readonly after: Evaluation | null
}
