import type { Argv } from 'yargs'
import { UserError } from '../../schemas/user-error.ts'
import { backendChoices } from '../../stages/training/backend/backend.ts'
import { presets } from '../../stages/training/model/config.ts'
import { optimizerNames } from '../../stages/training/optimizers/options.ts'
import type { Assignment } from '../graph/parse.ts'
import { builtInGraph } from '../graphs.ts'
import { setFlag } from './set-flag.ts'

export interface TrainFlags {
  graph: string | undefined
  shards: string | undefined
  out: string | undefined
  curriculum: string | undefined
  ohemRatio: string | undefined
  granularity: 'sequence' | 'token' | undefined
  model: string | undefined
  from: string | undefined
  steps: number | undefined
  rows: number | undefined
  length: number | undefined
  accumulate: number | undefined
  optimizer: string | undefined
  learningRate: number | undefined
  seed: number | undefined
  backend: string | undefined
  set: readonly Assignment[]
}

const sugar = [
  'shards',
  'out',
  'curriculum',
  'ohem-ratio',
  'granularity',
  'model',
  'from',
  'steps',
  'rows',
  'length',
  'accumulate',
  'optimizer',
  'learning-rate',
  'seed',
] as const

export function trainFlags(yargs: Argv): Argv<TrainFlags> {
  return yargs
    .positional('graph', {
      type: 'string',
      describe: 'A graph of your own; the flags below, but for --backend and --set, are for the built-in one',
    })
    .option('shards', { type: 'string', requiresArg: true, describe: 'Folder that `score` wrote' })
    .option('out', { type: 'string', requiresArg: true, describe: 'Folder of the run' })
    .option('curriculum', {
      type: 'string',
      describe:
        'Order of the documents, such as warm-up or phases [default: warm-up; without the flag: random]; the learning rate then falls to a third, and checkpoints, six of which stay, end in the mean of these',
    })
    .option('ohem-ratio', {
      type: 'string',
      requiresArg: true,
      describe: 'Share of the batch that is worth a gradient, or a schedule such as issue-318 or release',
    })
    .option('granularity', {
      choices: ['sequence', 'token'] as const,
      describe: 'What OHEM chooses [default: sequence]',
    })
    .option('model', {
      choices: Object.keys(presets),
      describe: 'Sizes of a known model, by its number of parameters [default: dim 128, 4 layers, 4 heads]',
    })
    .option('from', {
      type: 'string',
      requiresArg: true,
      describe: 'Go on with a trained model: a run, a checkpoint, or the folder of a Llama model',
    })
    .option('steps', { type: 'number', requiresArg: true, describe: 'Training steps [default: 300]' })
    .option('rows', { type: 'number', requiresArg: true, describe: 'Sequences a batch [default: 16]' })
    .option('length', { type: 'number', requiresArg: true, describe: 'Tokens a sequence [default: 128]' })
    .option('accumulate', {
      type: 'number',
      requiresArg: true,
      describe: 'Batches a step, for more sequences than memory holds at once [default: 1]',
    })
    .option('optimizer', {
      choices: optimizerNames,
      describe: 'How gradients change the model [default: adamw]',
    })
    .option('learning-rate', {
      type: 'number',
      requiresArg: true,
      describe: 'Peak learning rate [default: 0.003; lion 0.001, sgd 0.1]',
    })
    .option('seed', {
      type: 'number',
      requiresArg: true,
      describe: 'Seed of order, initial weights and selection [default: 1]',
    })
    .option('backend', {
      choices: backendChoices,
      describe: 'What computes [default: the first that works]',
    })
    .options(setFlag) as unknown as Argv<TrainFlags>
}

/**
 * What the flags of `train` amount to: a graph, and what to change in it.
 * @throws UserError when flags of the built-in graph stand beside a graph of the user's own, or none is complete.
 */
export function trainGraph(flags: TrainFlags): { file: string; assignments: Assignment[] } {
  const backend = backendOf(flags)
  if (flags.graph !== undefined) {
    const [given] = sugarIn(flags)
    if (given) {
      throw new UserError(
        `--${given} changes the built-in graph, but the command names \`${flags.graph}\`. Use --set, as in --set stages.order.with.tokens=614400, or leave the graph out.`,
      )
    }
    return { file: flags.graph, assignments: [...backend, ...flags.set] }
  }
  if (flags.shards === undefined || flags.out === undefined) {
    throw new UserError(
      '`train` needs --shards, the folder that `score` wrote, and --out, a folder for the run; or the path of a graph.',
    )
  }
  const { rows = 16, length = 128, steps = 300, accumulate = 1, seed = 1 } = flags
  const order = flags.curriculum === undefined ? 'random' : flags.curriculum || 'warm-up'
  return {
    file: builtInGraph('train'),
    assignments: [
      at('read', 'shards', flags.shards),
      at('order', 'order', order),
      at('order', 'tokens', steps * accumulate * rows * length),
      at('order', 'seed', seed),
      { path: ['stages', 'pack', 'with'], value: { rows, length } },
      at('forward', 'seed', seed),
      ...(flags.model === undefined ? [] : [at('forward', 'preset', flags.model)]),
      ...(flags.from === undefined ? [] : [at('forward', 'from', flags.from)]),
      ...selection(flags),
      ...(flags.accumulate === undefined ? [] : [at('optimize', 'accumulate', accumulate)]),
      ...(flags.optimizer === undefined ? [] : [at('optimize', 'optimizer', flags.optimizer)]),
      ...(flags.learningRate === undefined ? [] : [at('optimize', 'peak', flags.learningRate)]),
      at('optimize', 'warm-up', Math.ceil(steps / 10)),
      at('checkpoint', 'to', flags.out),
      ...(order === 'random' ? [] : forOrderedData(steps)),
      at('record', 'to', flags.out),
      ...backend,
      ...flags.set,
    ],
  }
}

/**
 * What the flags beside `--resume` change in the graph of the run.
 * @throws UserError where one of them would make it another run.
 */
export function resumeChanges(flags: TrainFlags): Assignment[] {
  const given = flags.graph === undefined ? sugarIn(flags).map((name) => `--${name}`) : [flags.graph]
  if (given.length > 0) {
    throw new UserError(
      `--resume goes on with the graph that lies in the run's folder, and ${given[0]} asks for another one. Leave it out, or begin a new run.`,
    )
  }
  return [...backendOf(flags), ...flags.set]
}

function sugarIn(flags: TrainFlags): string[] {
  return sugar.filter((name) => (flags as unknown as Record<string, unknown>)[name] !== undefined)
}

function backendOf({ backend }: TrainFlags): Assignment[] {
  return backend === undefined ? [] : [at('forward', 'backend', backend)]
}

function selection({ ohemRatio, granularity = 'sequence', seed = 1 }: TrainFlags): Assignment[] {
  const path = ['stages', 'ohem']
  if (ohemRatio === undefined) return [{ path, value: undefined }]
  const keep = Number.isNaN(Number(ohemRatio)) ? ohemRatio : Number(ohemRatio)
  return [{ path: [...path, 'with'], value: { keep, granularity, seed } }]
}

/**
 * Where the best or hardest documents come last, a rate that falls to nothing keeps the model from learning of them: it
 * falls moderately, and a mean of the last models takes out the noise that leaves (arXiv 2511.18903).
 */
function forOrderedData(steps: number): Assignment[] {
  return [
    at('optimize', 'schedule', 'moderate-decay'),
    at('checkpoint', 'average', 'ema'),
    at('checkpoint', 'keep', 6),
    at('checkpoint', 'every', Math.min(100, Math.ceil(steps / 20))),
  ]
}

function at(stage: string, option: string, value: unknown): Assignment {
  return { path: ['stages', stage, 'with', option], value }
}
