import { addDynamics } from '../stages/curriculum/add-dynamics.ts'
import { order } from '../stages/curriculum/order.ts'
import { pack } from '../stages/curriculum/pack.ts'
import { readArrow } from '../stages/documents/read-arrow.ts'
import { readJsonl } from '../stages/documents/read-jsonl.ts'
import { readParquet } from '../stages/documents/read-parquet.ts'
import { readText } from '../stages/documents/read-text.ts'
import { split } from '../stages/documents/split.ts'
import { countNgrams } from '../stages/shards/count-ngrams.ts'
import { readShards } from '../stages/shards/read-shards.ts'
import { score } from '../stages/shards/score.ts'
import { tokenize } from '../stages/shards/tokenize.ts'
import { trainTokenizer } from '../stages/shards/train-tokenizer.ts'
import { writeShards } from '../stages/shards/write-shards.ts'
import type { Stage } from '../stages/stage.ts'
import { backward } from '../stages/training/backward.ts'
import { checkpoint } from '../stages/training/checkpoint.ts'
import { evaluate } from '../stages/training/evaluate.ts'
import { forward } from '../stages/training/forward.ts'
import { ohem } from '../stages/training/ohem.ts'
import { optimize } from '../stages/training/optimize.ts'
import { randomKeep } from '../stages/training/random-keep.ts'
import { recordDynamics } from '../stages/training/record-dynamics.ts'
import { record } from '../stages/training/record.ts'
import { sLoss } from '../stages/training/s-loss.ts'
import { truncateLoss } from '../stages/training/truncate-loss.ts'

/** Every stage that a graph can name, in the order in which data meets them. */
const stages: readonly Stage[] = [
  readJsonl,
  readText,
  readParquet,
  readArrow,
  split,
  trainTokenizer,
  tokenize,
  countNgrams,
  score,
  writeShards,
  readShards,
  addDynamics,
  order,
  pack,
  forward,
  recordDynamics,
  ohem,
  randomKeep,
  truncateLoss,
  sLoss,
  backward,
  optimize,
  evaluate,
  checkpoint,
  record,
]

export const registry: ReadonlyMap<string, Stage> = new Map(stages.map((stage) => [stage.name, stage]))
