import { readdirSync } from 'node:fs'
import type { Argv } from 'yargs'
import { builtInGraph } from '../graphs.ts'
import type { Assignment } from '../graph/parse.ts'
import { setFlag } from './set-flag.ts'

export interface ScoreFlags {
  input: string[]
  out: string
  format: 'jsonl' | 'text' | undefined
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
      describe: 'Files, folders or globs: .jsonl or text, plain, .gz or .zst',
    })
    .option('out', {
      type: 'string',
      demandOption: true,
      requiresArg: true,
      describe: 'Folder of the shards',
    })
    .option('format', {
      choices: ['jsonl', 'text'] as const,
      describe: 'What the input is [default: by its name]',
    })
    .option('field', {
      type: 'string',
      requiresArg: true,
      describe: 'JSON field that holds the text [default: text]',
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
    .options(setFlag) as unknown as Argv<ScoreFlags>
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
  const isText = (flags.format ?? formatOf(flags.input)) === 'text'
  const options = {
    paths: flags.input,
    ...(!isText && flags.field !== undefined && { field: flags.field }),
    ...(flags.maxRejected !== undefined && { 'max-rejected': flags.maxRejected }),
    rejected: `${flags.out.replace(/\/+$/, '')}/rejected.jsonl`,
  }
  return [
    { path: ['stages', 'read'], value: { use: isText ? 'read-text' : 'read-jsonl', with: options } },
    { path: ['stages', 'split', 'with', 'by'], value: flags.split },
  ]
}

/** JSON Lines where a path, or a file in a folder that is a path, has their extension. */
function formatOf(paths: readonly string[]): 'jsonl' | 'text' {
  const names = paths.flatMap((path) => [path, ...filesIn(path)])
  return names.some((name) => /\.(jsonl|ndjson)(\.(gz|zst))?$/.test(name)) ? 'jsonl' : 'text'
}

/** Names in a folder and those below it; none where the path is no folder, which the reader will speak of. */
function filesIn(path: string): string[] {
  try {
    return readdirSync(path, { recursive: true, encoding: 'utf8' })
  } catch {
    return []
  }
}
