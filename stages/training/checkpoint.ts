import { readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import type { Evaluation } from '../../schemas/run-record.ts'
import { valuesOf } from '../../schemas/safetensors.ts'
import { UserError } from '../../schemas/user-error.ts'
import { defineStage, type Log, type StageContext } from '../stage.ts'
import { averagedOf, isRegular } from './averaged-checkpoints.ts'
import { type Average, averages, writeAverage } from './checkpoint-average.ts'
import {
  averageFolder,
  checkpointFolder,
  listCheckpoints,
  readCheckpoint,
  updatesOf,
  writeFolder,
  writeModel,
} from './checkpoint-folder.ts'
import { checkFinite } from './divergence.ts'
import { type HeldOut, measure } from './held-out.ts'
import type { Step } from './messages.ts'
import { Model } from './model/model.ts'
import { type Request, requestsIn, rest, withdraw } from './requests.ts'
import { readTrainingState, writeTrainingState } from './training-state.ts'

const options = z
  .strictObject({
    to: z.string().meta({ description: 'Folder of the run; checkpoints lie in its `checkpoints` folder.' }),
    every: z
      .int()
      .min(0)
      .default(100)
      .meta({ description: 'Steps between checkpoints; 0 writes one at the end only.' }),
    keep: z.int().min(1).default(2).meta({ description: 'Newest checkpoints that stay.' }),
    best: z.boolean().default(false).meta({
      description:
        'Whether the model with the fewest held-out bits per byte stays too; an `evaluate` before this stage measures them.',
    }),
    average: z.enum(averages).default('none').meta({
      description:
        'Mean of the newest models, written to `checkpoints/average` at the end: `uniform`; `ema`, in which each counts 0.8 times the next newer one; or `decay`, which stands for a learning rate that decays over them.',
    }),
    'average-of': z
      .int()
      .min(2)
      .optional()
      .meta({ description: 'Checkpoints to take the mean of, `keep` at most [default: 6].' }),
  })
  .superRefine((options, context) => {
    const refuse = (option: keyof typeof options, message: string) =>
      context.addIssue({ code: 'custom', path: [option], message })
    if (options.average === 'none') {
      if (options['average-of'] !== undefined) refuse('average-of', 'needs an `average`')
      return
    }
    const count = averagedOf(options)
    if (options.keep < count) {
      refuse(
        'keep',
        `must be at least ${count}, the checkpoints of \`average-of\`, and is ${options.keep}; or set \`average: none\``,
      )
    }
    if (options.every === 0) {
      refuse('every', 'must be above 0 where there is an `average`: there would be one checkpoint')
    }
  })
type Options = z.output<typeof options>

export const checkpoint = defineStage({
  name: 'checkpoint',
  summary: 'Keep the model, and what training needs to go on from it, while it trains and at the end.',
  version: 1,
  accepts: ['steps'],
  emits: 'steps',
  options,
  async *run(items, { options, signal, stats, log, interruption, identities, versions }) {
    const { to, every } = options
    let graph: string | undefined
    let best: Best | undefined
    let isFirst = true
    for await (const step of items) {
      const { updates, steps, evaluation } = step
      if (isFirst) {
        if (options.best) best = await firstBest(to, step)
        graph = await readFile(join(to, 'graph.yaml'), 'utf8').catch(() => undefined)
        interruption?.defer()
      }
      const isBest =
        best !== undefined && evaluation !== undefined && evaluation.bitsPerByte < best.bitsPerByte
      // The first message has made no update; where it is not the run's own beginning, it comes from a checkpoint.
      let isKept = isFirst
      const keep = async () => {
        if (isKept) return
        await write(checkpointFolder(to, updates), step, { graph, identities, versions }, signal)
        isKept = true
        if (isBest) best = { updates, bitsPerByte: evaluation.bitsPerByte }
        await prune(step, options, best)
        stats.add('checkpoints', 1)
        if (best && updates === steps) log(praise(to, best))
      }
      /** @returns whether the run shall end. */
      const attend = async (requested: ReadonlySet<Request>) => {
        const isWished = interruption !== undefined && (interruption.wished || requested.has('stop'))
        if (isWished || requested.has('checkpoint-now')) await keep()
        if (requested.has('checkpoint-now') && updates > 0) await withdraw('checkpoint-now', to)
        return isWished
      }
      if (isBest || isRegular(updates, steps, every)) await keep()
      let isWished = await attend(await requestsIn(to))
      let meanEvaluation: Evaluation | undefined
      if (updates === steps && options.average !== 'none') {
        meanEvaluation = await average(step, { ...options, average: options.average }, signal, log)
      }
      isFirst = false
      yield meanEvaluation ? { ...step, meanEvaluation } : step
      if (updates === steps) continue
      isWished ||= await rest(to, updates, { attend, signal, log })
      if (isWished) {
        interruption?.fulfil()
        // Or the next step would be made, and a checkpoint of it begun, before the run is taken down.
        signal.throwIfAborted()
      }
    }
  },
})

/** The newest regular checkpoints, as many as the mean is of, the oldest first. */
function regular(checkpoints: readonly string[], steps: number, options: Options): string[] {
  return checkpoints
    .filter((folder) => isRegular(updatesOf(folder), steps, options.every))
    .slice(-averagedOf(options))
}

/** Writes the mean of the run's last models. @returns what it is worth, where there is text to tell it by. */
async function average(
  step: Step,
  options: Options & { readonly average: Average },
  signal: AbortSignal,
  log: Log,
): Promise<Evaluation | undefined> {
  const folder = averageFolder(options.to)
  const checkpoints = regular(await listCheckpoints(options.to), step.steps, options)
  try {
    await writeAverage(folder, checkpoints, options.average, signal)
  } catch (error) {
    // The run itself has come to its end all the same.
    if (!(error instanceof UserError)) throw error
    log(`No mean of the checkpoints is written: ${error.message}`)
    return undefined
  }
  const evaluation = step.heldOut && (await measureModel(folder, step, step.heldOut, signal))
  if (evaluation && !Number.isFinite(evaluation.nats)) {
    log(
      `The mean of the last ${checkpoints.length} checkpoints, \`${folder}\`, has no finite loss on held-out text.`,
    )
    return undefined
  }
  const worth = evaluation ? `, with ${evaluation.bitsPerByte.toFixed(3)} bits per byte on held-out text` : ''
  log(`The mean of the last ${checkpoints.length} checkpoints is \`${folder}\`${worth}.`)
  return evaluation
}

async function measureModel(
  folder: string,
  { model, updates }: Step,
  heldOut: HeldOut,
  signal: AbortSignal,
): Promise<Evaluation> {
  const { config, tensors } = await readCheckpoint(folder)
  const values = valuesOf(tensors)
  const mean = new Model(config, values, model.backend)
  try {
    return await measure(mean, heldOut, updates, signal)
  } finally {
    mean.dispose()
  }
}

/** The best model of a run so far. */
interface Best {
  readonly updates: number
  /** Of held-out text; infinite before the first checkpoint. */
  readonly bitsPerByte: number
}

/** @throws UserError where a run begins without an evaluation. */
async function firstBest(to: string, { updates, evaluation }: Step): Promise<Best> {
  let best: Best = { updates: 0, bitsPerByte: Infinity }
  if (updates === 0) {
    if (evaluation) return best
    throw new UserError(
      '`best` of `checkpoint` needs to know what models are worth. Put an `evaluate` stage before it, or leave `best` out.',
    )
  }
  for (const folder of await listCheckpoints(to)) {
    // One that is not whole was passed over when the run went on.
    const state = await readTrainingState(folder).catch(() => undefined)
    const bitsPerByte = state?.evaluation?.bitsPerByte
    if (updatesOf(folder) > updates || bitsPerByte === undefined || bitsPerByte >= best.bitsPerByte) continue
    best = { updates: updatesOf(folder), bitsPerByte }
  }
  return best
}

function praise(to: string, { updates, bitsPerByte }: Best): string {
  return `The best model is \`${checkpointFolder(to, updates)}\`, with ${bitsPerByte.toFixed(3)} bits per byte on held-out text.`
}

/** What a run began with. */
interface Beginning {
  /** Text of its graph, where its folder holds one. */
  readonly graph: string | undefined
  readonly identities: StageContext<Options>['identities']
  readonly versions: StageContext<Options>['versions']
}

/** @throws UserError where the model or its optimizer is no longer finite; no checkpoint is written or removed then. */
async function write(
  folder: string,
  step: Step,
  { graph, identities, versions }: Beginning,
  signal: AbortSignal,
): Promise<void> {
  const { model, optimizer, batch } = step
  const { shards, endOfText } = batch.corpus
  await writeFolder(folder, async (partial) => {
    const tensors = await model.parameters.export()
    // A run that is aborted disposes of its tensors, perhaps of some while the others were being read.
    signal.throwIfAborted()
    checkFinite(tensors, step.updates)
    const tokenizer = join(shards, 'tokenizer.json')
    await writeModel(partial, { config: model.config, tensors, endOfText, tokenizer })
    if (graph !== undefined) await writeFile(join(partial, 'graph.yaml'), graph)
    const moments = await optimizer.export()
    signal.throwIfAborted()
    await writeTrainingState(partial, step, moments, identities, versions)
  })
}

/**
 * Removes all checkpoints but the newest `keep`, those that the mean will be of, and the best; and those that lie ahead,
 * which the run passed over when it went on.
 */
async function prune({ updates, steps }: Step, options: Options, best: Best | undefined): Promise<void> {
  const checkpoints = await listCheckpoints(options.to)
  const behind = checkpoints.filter((folder) => updatesOf(folder) <= updates)
  const kept = new Set(behind.slice(-options.keep))
  if (options.average !== 'none') regular(behind, steps, options).forEach((folder) => kept.add(folder))
  for (const folder of checkpoints) {
    if (!kept.has(folder) && updatesOf(folder) !== best?.updates) await rm(folder, { recursive: true })
  }
}
