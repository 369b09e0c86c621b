import type { Stage } from '../stages/stage.ts'
import type { GraphSource } from './graph/parse.ts'

/**
 * Every stage that a graph can name, in the order in which data meets them. Its code is imported where a graph names
 * it: a graph that scores does without that of training.
 */
const loaders: ReadonlyMap<string, () => Promise<Stage>> = new Map(
  Object.entries({
    'read-jsonl': async () => (await import('../stages/documents/read-jsonl.ts')).readJsonl,
    'read-text': async () => (await import('../stages/documents/read-text.ts')).readText,
    'read-parquet': async () => (await import('../stages/documents/read-parquet.ts')).readParquet,
    'read-arrow': async () => (await import('../stages/documents/read-arrow.ts')).readArrow,
    split: async () => (await import('../stages/documents/split.ts')).split,
    'train-tokenizer': async () => (await import('../stages/shards/train-tokenizer.ts')).trainTokenizer,
    tokenize: async () => (await import('../stages/shards/tokenize.ts')).tokenize,
    'count-ngrams': async () => (await import('../stages/shards/count-ngrams.ts')).countNgrams,
    score: async () => (await import('../stages/shards/score.ts')).score,
    'write-shards': async () => (await import('../stages/shards/write-shards.ts')).writeShards,
    'read-shards': async () => (await import('../stages/shards/read-shards.ts')).readShards,
    'add-dynamics': async () => (await import('../stages/curriculum/add-dynamics.ts')).addDynamics,
    'cut-early': async () => (await import('../stages/curriculum/cut-early.ts')).cutEarly,
    order: async () => (await import('../stages/curriculum/order.ts')).order,
    pack: async () => (await import('../stages/curriculum/pack.ts')).pack,
    forward: async () => (await import('../stages/training/forward.ts')).forward,
    'record-dynamics': async () => (await import('../stages/training/record-dynamics.ts')).recordDynamics,
    ohem: async () => (await import('../stages/training/ohem.ts')).ohem,
    'random-keep': async () => (await import('../stages/training/random-keep.ts')).randomKeep,
    'truncate-loss': async () => (await import('../stages/training/truncate-loss.ts')).truncateLoss,
    's-loss': async () => (await import('../stages/training/s-loss.ts')).sLoss,
    backward: async () => (await import('../stages/training/backward.ts')).backward,
    optimize: async () => (await import('../stages/training/optimize.ts')).optimize,
    evaluate: async () => (await import('../stages/training/evaluate.ts')).evaluate,
    checkpoint: async () => (await import('../stages/training/checkpoint.ts')).checkpoint,
    record: async () => (await import('../stages/training/record.ts')).record,
  }),
)

/** All stages by name. */
export function allStages(): Promise<ReadonlyMap<string, Stage>> {
  return load([...loaders.keys()])
}

/** The stages that a graph names; all there are where it names another, so that the nearest one can be found. */
export function stagesOf({ value }: GraphSource): Promise<ReadonlyMap<string, Stage>> {
  const { stages } = (value ?? {}) as { stages?: Readonly<Record<string, { use?: unknown } | null>> | null }
  const names = Object.values(stages ?? {}).map((entry) => String(entry?.use))
  return names.every((name) => loaders.has(name)) ? load(names) : allStages()
}

async function load(names: readonly string[]): Promise<ReadonlyMap<string, Stage>> {
  const stages: [string, Stage][] = []
  // One after the other: importing takes the processor, and Jest's loader knows no other way.
  for (const name of names) stages.push([name, await (loaders.get(name) as () => Promise<Stage>)()])
  return new Map(stages)
}
