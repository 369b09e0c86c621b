import { readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { z } from 'zod'
import type { Evaluation, StepRecord } from '../../schemas/run-record.ts'
import { readSafetensors, type StoredTensor } from '../../schemas/safetensors.ts'
import type { StoredFile, TrainingState } from '../../schemas/training-state.ts'
import { UserError } from '../../schemas/user-error.ts'
import { fileHash } from '../file-hash.ts'
import type { Moments } from './backend/kernels.ts'
import { writeTensors } from './checkpoint-folder.ts'
import type { Step } from './messages.ts'

const { version } = createRequire(import.meta.url)('gradus/package.json') as { version: string }

const stateFile = 'training-state.json'
const optimizerFile = 'optimizer.safetensors'
const [firstMoment, secondMoment] = ['exp_avg', 'exp_avg_sq']

const whole = z.int().min(0)
const stateSchema = z.object({
  version: z.literal(1),
  gradus: z.string(),
  updates: whole.min(1),
  steps: whole.min(1),
  stream: z.string(),
  // Numbers of our own, which the file's checksums do not guard but nothing relies on.
  record: z.looseObject({ step: whole }).transform((record) => record as unknown as StepRecord),
  evaluation: z
    .looseObject({ bitsPerByte: z.number() })
    .nullable()
    .transform((evaluation) => evaluation as unknown as Evaluation | null),
  files: z.record(z.string(), z.object({ bytes: whole, sha256: z.string() })),
})

/** Writes beside the model in `folder` what a run needs to go on from it. All other files must be there. */
export async function writeTrainingState(
  folder: string,
  step: Step,
  optimizer: ReadonlyMap<string, Moments>,
): Promise<void> {
  const { updates, batch, model, record, evaluation = null } = step
  if (!record) throw new Error('There is nothing to go on from before the first update.')
  const moments = new Map<string, StoredTensor>()
  for (const [name, { first, second }] of optimizer) {
    const shape = model.parameters.shape(name)
    moments.set(`${name}.${firstMoment}`, { shape, values: first })
    moments.set(`${name}.${secondMoment}`, { shape, values: second })
  }
  await writeTensors(join(folder, optimizerFile), moments)
  const files: Record<string, StoredFile> = {}
  for (const name of (await readdir(folder)).sort()) files[name] = await describe(join(folder, name))
  const { steps, stream } = batch
  const state: TrainingState = {
    version: 1,
    gradus: version,
    updates,
    steps,
    stream,
    record,
    evaluation,
    files,
  }
  await writeFile(join(folder, stateFile), `${JSON.stringify(state, null, 2)}\n`)
}

/** @throws UserError where the checkpoint in `folder` has no such file, or one that is not whole. */
export async function readTrainingState(folder: string): Promise<TrainingState> {
  let json: unknown
  try {
    json = JSON.parse(await readFile(join(folder, stateFile), 'utf8'))
  } catch {
    throw new UserError(`No run can go on from \`${folder}\`: its \`${stateFile}\` is missing or cut.`)
  }
  const { data, error } = stateSchema.safeParse(json)
  if (error) {
    const [{ path, message }] = error.issues
    throw new UserError(
      `No run can go on from \`${folder}\`: \`${path.join('.')}\` of its \`${stateFile}\` is wrong: ${message}.`,
    )
  }
  return data
}

/** Reads every file of a checkpoint. @throws UserError where one is not what it was when it was written. */
export async function checkFiles(folder: string, { files }: TrainingState): Promise<void> {
  for (const [name, { bytes, sha256 }] of Object.entries(files)) {
    const path = join(folder, name)
    const size = await stat(path).then(
      (found) => found.size,
      () => undefined,
    )
    if (size === undefined) throw new UserError(`\`${path}\` is missing.`)
    if (size !== bytes) throw new UserError(`\`${path}\` has ${size} bytes and not ${bytes}.`)
    if ((await describe(path)).sha256 !== sha256)
      throw new UserError(`\`${path}\` was altered since it was written.`)
  }
}

/** The optimizer's moments by parameter name. @throws UserError where one is missing or of another shape. */
export async function readMoments(
  folder: string,
  parameters: { readonly names: readonly string[]; shape(name: string): number[] },
): Promise<Map<string, Moments>> {
  const stored = await readSafetensors(join(folder, optimizerFile))
  const valuesOf = (parameter: string, moment: string) => {
    const tensor = stored.get(`${parameter}.${moment}`)
    if (tensor?.shape.join() !== parameters.shape(parameter).join()) {
      throw new UserError(
        `\`${join(folder, optimizerFile)}\` does not hold the \`${moment}\` of \`${parameter}\` in the model's shape. Take another checkpoint.`,
      )
    }
    return tensor.values
  }
  return new Map(
    parameters.names.map((name) => [
      name,
      { first: valuesOf(name, firstMoment), second: valuesOf(name, secondMoment) },
    ]),
  )
}

async function describe(path: string): Promise<StoredFile> {
  return { bytes: (await stat(path)).size, sha256: await fileHash(path) }
}
