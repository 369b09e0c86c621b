import type { Argv } from 'yargs'
import { builtInGraph } from '../graphs.ts'
import { inputKinds, type InputKind } from '../../stages/documents/input-kinds.ts'
import { standardInputPath } from '../../stages/documents/standard-input.ts'
import type { Assignment } from '../graph/parse.ts'
import { kindOfInput } from './input-kind.ts'
import { setFlag } from './set-flag.ts'

export interface ScoreFlags {
  input: string[]
  out: string
  format: InputKind | undefined
  field: string | undefined
  split: string
  metrics: string[] | undefined
  tokenizer: string | undefined
  vocabulary: number
  heldOut: number | undefined
  maxRejected: number | undefined
  set: readonly Assignment[]
}

export function scoreFlags(yargs: Argv): Argv<ScoreFlags> {
  return yargs
    .option('input', {
      type: 'string',
      array: true,
      demandOption: true,
      describe:
        'Files, folders, globs or - (standard input): JSON Lines or text, plain, .gz or .zst; Parquet; Arrow',
    })
    .option('out', {
      type: 'string',
      demandOption: true,
      requiresArg: true,
      describe: 'Folder of the shards',
    })
    .option('format', {
      choices: Object.keys(inputKinds) as InputKind[],
      describe: 'What the input is [default: by its names; jsonl for -]',
    })
    .option('field', {
      type: 'string',
      requiresArg: true,
      describe: 'JSON field or column that holds the text [default: text]',
    })
    .option('split', {
      type: 'string',
      requiresArg: true,
      default: 'none',
      describe: 'none, blank-lines, separator:S or words:N',
    })
    .option('metrics', {
      type: 'string',
      array: true,
      describe: 'Difficulty metrics [default: compression-ratio mtld flesch]',
    })
    .option('tokenizer', {
      type: 'string',
      requiresArg: true,
      describe: 'A tokenizer.json [default: one is trained on the input]',
    })
    .option('vocabulary', {
      type: 'number',
      requiresArg: true,
      default: 4096,
      describe: 'Tokens of the tokenizer that is trained',
    })
    .option('held-out', {
      type: 'number',
      requiresArg: true,
      describe: 'Share of documents kept for evaluation [default: 0.05]',
    })
    .option('max-rejected', {
      type: 'number',
      requiresArg: true,
      describe: 'Share of bad records that stops the run [default: 0.01]',
    })
    .options(setFlag)
    .middleware(takeStandardInput, true) as unknown as Argv<ScoreFlags>
}

/** yargs takes a lone `-` for no value: it ends a list of values and is left over. */
function takeStandardInput(flags: { _: (string | number)[]; input?: string[] }): void {
  if (!flags._.includes(standardInputPath)) return
  flags._ = flags._.filter((word) => word !== standardInputPath)
  flags.input = [...(flags.input ?? []), standardInputPath]
}

/** What the flags of `score` amount to: a graph, and what to change in it. */
export function scoreGraph(flags: ScoreFlags): { file: string; assignments: Assignment[] } {
  return {
    file: builtInGraph('score'),
    assignments: [
      ...readAssignments(flags),
      {
        path: ['stages', 'tokenize', 'with', 'tokenizer'],
        value: flags.tokenizer ?? trainedTokenizer(flags),
      },
      ...(flags.metrics
        ? [
            {
              path: ['stages', 'score', 'with', 'metrics'],
              value: flags.metrics.flatMap((list) => list.split(',')),
            },
          ]
        : []),
      { path: ['stages', 'write', 'with', 'to'], value: flags.out },
      ...(flags.heldOut === undefined
        ? []
        : [{ path: ['stages', 'write', 'with', 'held-out'], value: flags.heldOut }]),
      ...flags.set,
    ],
  }
}

/** The graph that trains the tokenizer where `score` is given none. */
export function tokenizerGraph(flags: ScoreFlags): { file: string; assignments: Assignment[] } {
  return {
    file: builtInGraph('tokenizer'),
    assignments: [
      ...readAssignments(flags),
      {
        path: ['stages', 'train', 'with'],
        value: { to: trainedTokenizer(flags), vocabulary: flags.vocabulary },
      },
    ],
  }
}

export function trainedTokenizer({ out }: Pick<ScoreFlags, 'out'>): string {
  return `${out.replace(/\/+$/, '')}/tokenizer.json`
}

function readAssignments(flags: ScoreFlags): Assignment[] {
  const kind = flags.format ?? kindOfInput(flags.input, flags.out)
  // The reader cuts text as it comes; stage `split` would have to hold all of a file.
  const separator = kind === 'text' ? /^separator:([^]+)$/.exec(flags.split)?.[1] : undefined
  const options = {
    paths: flags.input,
    ...(kind !== 'text' && flags.field !== undefined && { field: flags.field }),
    ...(separator !== undefined && { separator }),
    ...(flags.maxRejected !== undefined && { 'max-rejected': flags.maxRejected }),
    rejected: `${flags.out.replace(/\/+$/, '')}/rejected.jsonl`,
  }
  return [
    { path: ['stages', 'read'], value: { use: inputKinds[kind].reader, with: options } },
    { path: ['stages', 'split', 'with', 'by'], value: separator === undefined ? flags.split : 'none' },
  ]
}
