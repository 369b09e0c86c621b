/**
 * What a training run leaves in its folder:
 *
 *     graph.yaml          the graph with every option; `train graph.yaml` runs it again
 *     setup.json          a RunSetup, of the process that trained it last
 *     steps.jsonl         a StepLine a line
 *     evaluations.jsonl   an Evaluation a line
 *     run.json            a RunRecord, written when the run has ended
 *     checkpoints/        a folder a checkpoint; what is in it, `TrainingState` says
 */

/** Plain numbers about one training step. */
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
  /**
   * Smallest score kept: the criterion's, which is the loss in nats unless the graph says otherwise, and at sequence
   * granularity its mean over the row. Null where selection has no threshold, or had nothing to choose and so no scores.
   */
  readonly threshold: number | null
  /** Share of the tokens that were kept, by the curriculum's phase of their row. */
  readonly keptByPhase: Readonly<Record<string, number>>
  /**
   * Share of the targets that were kept, by quarters of the step's targets: from those whose token occurs most often
   * in the step to those whose token occurs least often, equally frequent tokens by their id. A token that reaches over
   * a border counts in both quarters, in proportion.
   */
  readonly keptByFrequency: readonly [number, number, number, number]
  /**
   * Gini coefficient of the documents' gains, a gain being the sum of the weights that a document's targets have in the
   * step's loss: 0 where every document of the step has the same, near 1 where one of many has all. A document that
   * comes twice in the step counts as one.
   */
  readonly documentGini: number
  /** The token ids that the kept targets have most often: 16 at most, the most frequent first, of equals the smaller id. */
  readonly mostKept: readonly number[]
  readonly learningRate: number
  /** Global norm before clipping. */
  readonly gradientNorm: number
  /** Tokens seen, B · T. */
  readonly tokens: number
  /** For which the step waited for its batch, before it began. */
  readonly waitingMs: number
  readonly forwardMs: number
  readonly backwardMs: number
  readonly stepMs: number
}

/** One line of `steps.jsonl`. */
export interface StepLine extends StepRecord {
  /**
   * Share of `mostKept` that was in that of the step before, of the longer of the two: whether selection goes on with
   * the same kinds of tokens, since two steps have no token in common. Null in step 0.
   */
  readonly overlap: number | null
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

export interface Machine {
  readonly name: string
  readonly processor: string
  readonly cores: number
  /** Operating system and architecture. */
  readonly platform: string
  /** Version of Node. */
  readonly node: string
}

/** `setup.json`: what a run is trained with and on, known from its first step. */
export interface RunSetup {
  readonly gradus: string
  readonly backend: { readonly name: string; readonly device: string; readonly reason: string }
  /** Absent from records that were written before it was kept. */
  readonly machine?: Machine
  readonly parameters: number
}

/** `run.json`. */
export interface RunRecord extends RunSetup {
  readonly version: 1
  readonly steps: number
  readonly tokens: number
  /** Wall-clock seconds in steps, evaluation and checkpoints left out. */
  readonly seconds: number
  readonly tokensPerSecond: number
  readonly before: Evaluation | null
  readonly after: Evaluation | null
  /** Of the mean of the last checkpoints, where the graph asks for one. */
  readonly mean?: Evaluation
}
