import type { Argv, CommandModule } from 'yargs'
import { UserError } from '../../schemas/user-error.ts'
import { type BackendChoice, backendChoices } from '../../stages/training/backend/backend.ts'
import { generate as continueText } from '../../stages/training/generate.ts'
import { readNewestModel } from '../../stages/training/newest-model.ts'
import { openDecoder } from '../../stages/training/open-decoder.ts'

interface Flags {
  run: string
  prompt: string
  tokens: number
  samples: number
  temperature: number
  topK: number
  topP: number
  seed: number
  backend: BackendChoice
}

export const generate: CommandModule<object, Flags> = {
  builder: (yargs) =>
    yargs
      .positional('run', {
        type: 'string',
        demandOption: true,
        describe: 'Folder of a run, or of one of its checkpoints',
      })
      .option('prompt', {
        type: 'string',
        requiresArg: true,
        default: '',
        describe: 'Text to continue [default: the start of a document]',
      })
      .option('tokens', { type: 'number', requiresArg: true, default: 100, describe: 'Most tokens to add' })
      .option('samples', {
        type: 'number',
        requiresArg: true,
        default: 1,
        describe: 'Texts to write, each with the next seed',
      })
      .option('temperature', {
        type: 'number',
        requiresArg: true,
        default: 0.8,
        describe: 'Above 1 bolder, below 1 safer, 0 always the likeliest token',
      })
      .option('top-k', {
        type: 'number',
        requiresArg: true,
        default: 0,
        describe: 'Draw from so many of the likeliest tokens; 0 for all',
      })
      .option('top-p', {
        type: 'number',
        requiresArg: true,
        default: 1,
        describe: 'Draw from the likeliest tokens that reach this probability',
      })
      .option('seed', {
        type: 'number',
        requiresArg: true,
        default: 1,
        describe: 'Another seed gives another text',
      })
      .option('backend', {
        choices: backendChoices,
        default: 'auto' as const,
        describe: 'What computes',
      }) as unknown as Argv<Flags>,
  async handler({ run, prompt, samples, backend, ...sampling }) {
    checkSampling({ samples, ...sampling })
    const log = (sentence: string) => process.stderr.write(`${sentence}\n`)
    const checkpoint = await readNewestModel(run, log)
    const { endOfText } = checkpoint
    const { decoder, tokenizer, model } = await openDecoder(checkpoint, backend)
    try {
      // A document's first token was predicted from the end of the one before it.
      const ids = [endOfText, ...(await tokenizer.encode(prompt, null, { addSpecialTokens: false })).getIds()]
      for (let sample = 0; sample < samples; sample++) {
        const seed = sampling.seed + sample
        const added = await continueText(decoder, ids, { ...sampling, seed, endOfText, model })
        const text = await tokenizer.decode([...ids.slice(1), ...added], true)
        process.stdout.write(samples > 1 ? `${sample + 1}. ${text}\n` : `${text}\n`)
      }
    } finally {
      decoder.dispose()
    }
  },
}

function checkSampling({
  temperature,
  topP,
  topK,
  tokens,
  samples,
  seed,
}: Omit<Flags, 'run' | 'prompt' | 'backend'>) {
  if (!(temperature >= 0)) throw new UserError(`--temperature is ${temperature}, and it must be 0 or more.`)
  if (!(topP > 0 && topP <= 1))
    throw new UserError(`--top-p is ${topP}, and it must be above 0 and at most 1.`)
  if (!(Number.isInteger(topK) && topK >= 0))
    throw new UserError(`--top-k is ${topK}, and it must be a whole number, 0 for all.`)
  if (!(Number.isInteger(tokens) && tokens > 0))
    throw new UserError(`--tokens is ${tokens}, and it must be a whole number above 0.`)
  if (!(Number.isInteger(samples) && samples > 0))
    throw new UserError(`--samples is ${samples}, and it must be a whole number above 0.`)
  if (!(Number.isInteger(seed) && seed >= 0))
    throw new UserError(`--seed is ${seed}, and it must be a whole number, 0 or more.`)
}
