import type { RunRecord } from '../../schemas/run-record.ts'

/** A line of standard output of `train --json` and `score --json`: what a person would be told, for programs. */
export type Event = Message | Page | StageProgress | Dropped | TrainingEnded | ScoringEnded | Stopped

interface Message {
  readonly event: 'message'
  /** A sentence. */
  readonly text: string
}

/** Of `--ui`: where the page of the run is. */
interface Page {
  readonly event: 'page'
  readonly url: string
}

/** How far a stage is: at most once a second, where it has moved, and once at the end. */
export interface StageProgress {
  readonly event: 'progress'
  /** Since the graph began to run. */
  readonly seconds: number
  /** Id of the stage in its graph. */
  readonly stage: string
  /** What is counted, such as `steps` or `documents`. */
  readonly counter: string
  readonly done: number
  readonly total: number
  /** Over the last half minute; null before the counter has risen. */
  readonly perSecond: number | null
  readonly secondsLeft: number | null
  /** Such as `loss` and `kept`. */
  readonly gauges: Readonly<Record<string, number>>
}

/** The last event of a training run that reached its end. */
interface TrainingEnded {
  readonly event: 'ended'
  readonly run: string
  readonly record: RunRecord
}

/** Rows that went no further. */
export interface Dropped {
  readonly event: 'dropped'
  readonly stage: string
  readonly reason: string
  readonly rows: number
}

/** The last event of scoring. */
interface ScoringEnded {
  readonly event: 'ended'
  readonly shards: string
  /** In all shards; left out where several processes divide the input. */
  readonly documents?: number
  readonly tokens?: number
  /** Of this process. */
  readonly units: number
  /** Of these, what was there already. */
  readonly reused: number
  /** Units that other processes have still to make. */
  readonly missing: number
}

/** The last event of what was stopped, with exit code 130. */
interface Stopped {
  readonly event: 'stopped'
  /** Of a training run: updates made before the newest checkpoint, null where there is none. */
  readonly checkpoint?: number | null
}
