import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { CommandModule } from 'yargs'
import { UserError } from '../../schemas/user-error.ts'
import { type BackendChoice, backendChoices } from '../../stages/training/backend/backend.ts'
import { openBackend } from '../../stages/training/backend/open-backend.ts'
import { evaluateModel } from '../../stages/training/evaluate-model.ts'
import { readNamedCheckpoint } from '../../stages/training/named-checkpoint.ts'
import { loadGraph } from '../graph/load.ts'
import { formatNumber } from '../progress.ts'
import { checkpointFlag } from './checkpoint-flag.ts'

interface Flags {
  run: string
  shards: string
  checkpoint: string | undefined
  tokens: number
  length: number | undefined
  stride: number | undefined
  backend: BackendChoice
  json: boolean
}

/** Where nothing says in which length a model was trained. */
const longestDefault = 1024

export const evaluate: CommandModule<object, Flags> = {
  builder: (yargs) =>
    yargs
      .positional('run', {
        type: 'string',
        demandOption: true,
        describe: 'Folder of a run, of one of its checkpoints, or of a Llama model',
      })
      .positional('shards', { type: 'string', demandOption: true, describe: 'Folder that `score` wrote' })
      .options(checkpointFlag)
      .option('tokens', {
        type: 'number',
        requiresArg: true,
        default: 65_536,
        describe: 'Held-out tokens to measure at most',
      })
      .option('length', {
        type: 'number',
        requiresArg: true,
        describe: 'Tokens that the model reads at once [default: as in training, else its context]',
      })
      .option('stride', {
        type: 'number',
        requiresArg: true,
        describe: 'Tokens from one such row to the next [default: as in training, else all of them]',
      })
      .option('backend', { choices: backendChoices, default: 'auto' as const, describe: 'What computes' })
      .option('json', {
        type: 'boolean',
        default: false,
        describe: 'Print one JSON object, for other programs',
      }),
  async handler({ run, shards, checkpoint: name, tokens, backend, json, ...flags }) {
    checkCount('tokens', tokens)
    if (flags.length !== undefined) checkCount('length', flags.length)
    if (flags.stride !== undefined) checkCount('stride', flags.stride)
    const log = (sentence: string) => process.stderr.write(`${sentence}\n`)
    const checkpoint = await readNamedCheckpoint(run, name, log)
    const folder = dirname(checkpoint.tokenizer)
    const trained = await rowsOfTraining(folder)
    const length = flags.length ?? trained.length ?? Math.min(checkpoint.config.context, longestDefault)
    const stride = flags.stride ?? Math.min(trained.stride ?? length, length)
    const opened = await openBackend(backend)
    const evaluation = await evaluateModel(checkpoint, shards, { tokens, length, stride }, opened, log)
    const { name: backendName, device } = opened
    const result = { model: folder, length, stride, ...evaluation, backend: { name: backendName, device } }
    process.stdout.write(json ? `${JSON.stringify(result)}\n` : render(result))
  },
}

/** The rows of the run that wrote a checkpoint; an average lies beside the checkpoints that it is of. */
async function rowsOfTraining(
  folder: string,
): Promise<{ length?: number | undefined; stride?: number | undefined }> {
  const file = [folder, join(folder, '..', '..')].map((place) => join(place, 'graph.yaml')).find(existsSync)
  if (file === undefined) return {}
  const { nodes } = await loadGraph(file)
  const optionsOf = (name: string) => nodes.find(({ stage }) => stage.name === name)?.options
  return {
    length: optionsOf('pack')?.length as number | undefined,
    stride: optionsOf('evaluate')?.stride as number | undefined,
  }
}

function checkCount(flag: string, value: number): void {
  if (!(Number.isInteger(value) && value > 0))
    throw new UserError(`--${flag} is ${value}, and it must be a whole number above 0.`)
}

function render(
  result: Awaited<ReturnType<typeof evaluateModel>> & { model: string; length: number; stride: number },
): string {
  const { bitsPerByte, unigramBitsPerByte, nats, perplexity, tokens, bytes, parameters } = result
  const { model, length, stride } = result
  const count = (number: number) => number.toLocaleString('en')
  const rows = [
    [
      'bits per byte',
      `${formatNumber(bitsPerByte)} (a unigram model of the other documents: ${formatNumber(unigramBitsPerByte)})`,
    ],
    ['nats per token', formatNumber(nats)],
    ['perplexity', formatNumber(perplexity)],
    [
      'held out',
      `${count(tokens)} tokens, ${count(bytes)} bytes, ${count(length)} tokens at once${stride === length ? '' : `, ${count(stride)} of them new`}`,
    ],
    ['model', `${model}, ${count(parameters)} parameters`],
  ]
  const width = Math.max(...rows.map(([name]) => name.length))
  return rows.map(([name, value]) => `${name.padEnd(width)}  ${value}\n`).join('')
}
