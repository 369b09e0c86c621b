import { z } from 'zod'
import { valuesOf } from '../../schemas/safetensors.ts'
import { UserError } from '../../schemas/user-error.ts'
import { defineStage } from '../stage.ts'
import { backendChoices } from './backend/backend.ts'
import { openBackend } from './backend/open-backend.ts'
import { dispose } from './backend/tidy.ts'
import { type Checkpoint, readCheckpoint } from './checkpoint-folder.ts'
import { readContinuedModel } from './continued-model.ts'
import type { Batch, Forwarded } from './messages.ts'
import { modelConfig, presets, type ModelConfig, type ModelSizes } from './model/config.ts'
import { initialValues } from './model/initialise.ts'
import { Model } from './model/model.ts'
import { checkBatches } from './resume-point.ts'
import { readTrainingState } from './training-state.ts'

const size = z.int().min(1)
const sizeOptions = ['preset', 'dim', 'layers', 'heads', 'kv-heads', 'hidden', 'context', 'tied'] as const

const options = z.strictObject({
  preset: z
    .enum(Object.keys(presets) as (keyof typeof presets)[])
    .optional()
    .describe('Sizes of a known model, by its number of parameters; the options below change single ones.'),
  dim: size.optional().describe('Width of the model [default: 128].'),
  layers: size.optional().describe('Decoder layers [default: 4].'),
  heads: size.optional().describe('Attention heads; dim is a multiple of them [default: 4].'),
  'kv-heads': size.optional().describe('Key/value heads; heads are a multiple of them [default: heads].'),
  hidden: size
    .optional()
    .describe('Width of the feed-forward layer [default: 8/3 dim, rounded up to a multiple of 32].'),
  context: size
    .optional()
    .describe('Longest sequence in tokens [default: 256, or the length of a batch where that is more].'),
  tied: z.boolean().optional().describe('Whether the head is the embedding matrix itself [default: true].'),
  from: z
    .string()
    .optional()
    .describe(
      'Folder of a model to go on with instead of initial weights: a checkpoint, a run (its newest one), or a Llama model as transformers writes it. Its config.json gives the sizes.',
    ),
  seed: z
    .int()
    .min(0)
    .default(1)
    .describe('Seed of the initial weights, which are the same on every back end.'),
  backend: z
    .enum(backendChoices)
    .default('auto')
    .meta({ description: 'What computes; `auto` takes the first that works.', cosmetic: true }),
  resume: z
    .string()
    .optional()
    .meta({ description: 'Checkpoint to go on from, as `train --resume` sets it.', cosmetic: true }),
})

export const forward = defineStage({
  name: 'forward',
  summary: 'Compute the loss of every token, and keep what backward needs.',
  version: 1,
  accepts: ['batches'],
  emits: 'forwarded',
  options,
  async *run(items, { options, log }) {
    let model: Model | undefined
    try {
      let waitingSince = performance.now()
      for await (const batch of items) {
        const waitingMs = performance.now() - waitingSince
        model ??= await createModel(batch, options, log)
        const message = forwardBatch(model, batch, waitingMs)
        try {
          yield message
        } finally {
          // Nothing is left of it by now, unless the run was aborted on the way.
          dispose([message.losses, message.activations])
        }
        waitingSince = performance.now()
      }
    } finally {
      model?.dispose()
    }
  },
})

type Options = z.output<typeof options>

async function createModel(batch: Batch, options: Options, log: (sentence: string) => void): Promise<Model> {
  const { config, values } = await startOf(batch, options, log)
  const backend = await openBackend(options.backend)
  log(`Training runs on ${backend.name} (${backend.device}). ${backend.reason}`)
  return new Model(config, values, backend)
}

/** A model before its first update in this process. */
interface Start {
  readonly config: ModelConfig
  /** Parameters by name. */
  readonly values: ReadonlyMap<string, Float32Array>
}

async function startOf(batch: Batch, options: Options, log: (sentence: string) => void): Promise<Start> {
  const { from, resume, seed } = options
  if (from !== undefined) refuseSizes(options)
  if (resume !== undefined)
    return resumedStart(batch, resume, from === undefined ? configOf(batch, options) : {})
  if (from !== undefined) return startFrom(await readContinuedModel(from, batch, log))
  const config = configOf(batch, options)
  return { config, values: initialValues(config, seed) }
}

function startFrom({ config, tensors }: Checkpoint): Start {
  return { config, values: valuesOf(tensors) }
}

/**
 * @param sizes those that the model must have
 * @throws UserError where the checkpoint has others, or was trained on other batches.
 */
async function resumedStart(batch: Batch, folder: string, sizes: Partial<ModelConfig>): Promise<Start> {
  await checkBatches(folder, await readTrainingState(folder), batch)
  const checkpoint = await readCheckpoint(folder)
  for (const [name, size] of Object.entries(sizes)) {
    const found = checkpoint.config[name as keyof ModelConfig]
    if (found !== size) {
      throw new UserError(
        `The checkpoint \`${folder}\` is of a model with \`${name}\` ${found}, and \`forward\` makes one with ${size}. Give \`forward\` the sizes that the run began with, or begin a new run.`,
      )
    }
  }
  return startFrom(checkpoint)
}

/** @throws UserError where sizes are asked for beside a model that has its own. */
function refuseSizes(options: Options): void {
  const given = sizeOptions.find((name) => options[name] !== undefined)
  if (given === undefined) return
  throw new UserError(
    `\`${given}\` of \`forward\` asks for a size, and the model \`${options.from}\` has its own. Leave it out, or leave out \`from\`.`,
  )
}

/** @throws UserError where the options do not fit each other or the batches. */
function configOf({ corpus, ...batch }: Batch, options: Options): ModelConfig {
  const { length } = batch.longest ?? batch
  const { preset, dim, layers, heads, 'kv-heads': kvHeads, hidden, context, tied } = options
  const base: ModelSizes = preset
    ? presets[preset]
    : { dim: 128, layers: 4, heads: 4, context: Math.max(256, length) }
  const sizes: ModelSizes = {
    dim: dim ?? base.dim,
    layers: layers ?? base.layers,
    heads: heads ?? base.heads,
    context: context ?? base.context,
    // A preset's own go with its number of heads and its width.
    kvHeads: kvHeads ?? (heads === undefined ? base.kvHeads : undefined),
    hidden: hidden ?? (dim === undefined ? base.hidden : undefined),
    tied,
  }
  if (sizes.context < length) {
    throw new UserError(
      `Batches have sequences of ${length} tokens, and the model's \`context\` in \`forward\` is ${sizes.context}. Raise it, or lower \`length\` of \`pack\`.`,
    )
  }
  try {
    return modelConfig(sizes, corpus.vocabulary)
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
    throw new UserError(
      `The model's sizes in \`forward\` do not fit each other: ${error.message}. Change one of them.`,
    )
  }
}

function forwardBatch(model: Model, batch: Batch, waitingMs: number): Forwarded {
  const startedAt = performance.now()
  const { losses, activations } = model.forward(batch.tokens, batch.rows)
  const forwardMs = performance.now() - startedAt
  return { batch, model, losses, activations, startedAt, waitingMs, forwardMs }
}
