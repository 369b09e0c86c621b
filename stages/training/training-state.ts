import { readFile, writeFile } from 'node:fs/promises'
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { z } from 'zod'
import type { Evaluation, StepRecord } from '../../schemas/run-record.ts'
import { readSafetensors, type StoredTensor } from '../../schemas/safetensors.ts'
import type { TrainingState } from '../../schemas/training-state.ts'
import { UserError } from '../../schemas/user-error.ts'
import { parseChecked, withChecksum } from '../checked-json.ts'
import { writeTensors } from './checkpoint-folder.ts'
import { checkFinite } from './divergence.ts'
import type { Step } from './messages.ts'
import type { OptimizerState } from './optimizers/optimizer.ts'
import { type RuleName, slotNames } from './optimizers/rules.ts'
import { checkFiles, checkListedFiles, describeFiles, storedFilesSchema } from './stored-files.ts'

const { version } = createRequire(import.meta.url)('gradus/package.json') as { version: string }

const stateFile = 'training-state.json'
const optimizerFile = 'optimizer.safetensors'
const modelFiles: readonly string[] = ['model.safetensors', 'config.json', 'tokenizer.json']

const whole = z.int().min(0)
const stateSchema = z.object({
  version: z.literal(2),
  gradus: z.string(),
  updates: whole.min(1),
  steps: whole.min(1),
  batches: whole.min(1),
  optimizer: z.string(),
  stream: z.string(),
  identities: z.record(z.string(), z.unknown()).default({}),
  // Not in states that gradus wrote while every stage of training was at version 1.
  versions: z.record(z.string(), z.int()).default({}),
  // Numbers of our own, which the file's checksums do not guard but nothing relies on.
  record: z.looseObject({ step: whole }).transform((record) => record as unknown as StepRecord),
  evaluation: z
    .looseObject({ bitsPerByte: z.number() })
    .nullable()
    .transform((evaluation) => evaluation as unknown as Evaluation | null),
  files: storedFilesSchema,
})

/**
 * Writes beside the model in `folder` what a run needs to go on from it. All other files must be there.
 * @throws UserError where what the optimizer remembers is not finite.
 */
export async function writeTrainingState(
  folder: string,
  step: Step,
  optimizerState: OptimizerState,
  identities: TrainingState['identities'] = {},
  versions: TrainingState['versions'] = {},
): Promise<void> {
  const { updates, steps, batch, model, optimizer, record, evaluation = null } = step
  if (!record) throw new Error('There is nothing to go on from before the first update.')
  const tensors = new Map<string, StoredTensor>()
  for (const [name, slots] of optimizerState) {
    const shape = model.parameters.shape(name)
    for (const [slot, values] of Object.entries(slots)) tensors.set(`${name}.${slot}`, { shape, values })
  }
  checkFinite(tensors, updates)
  await writeTensors(join(folder, optimizerFile), tensors)
  const state: TrainingState = {
    version: 2,
    gradus: version,
    updates,
    steps,
    batches: batch.step + 1,
    optimizer: optimizer.rule.name,
    stream: batch.stream,
    identities,
    versions,
    record,
    evaluation,
    files: await describeFiles(folder),
  }
  await writeFile(join(folder, stateFile), `${JSON.stringify(withChecksum(state), null, 2)}\n`)
}

/** @throws UserError where the checkpoint in `folder` has no such file, or one that is not whole. */
export async function readTrainingState(folder: string): Promise<TrainingState> {
  const text = await readFile(join(folder, stateFile), 'utf8').catch(() => '')
  const json = parseChecked(text)
  if (!json) {
    throw new UserError(
      `No run can go on from \`${folder}\`: its \`${stateFile}\` is missing, cut or altered.`,
    )
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

/**
 * What the optimizer remembered at a checkpoint.
 * @throws UserError where it was another optimizer, or something of it is missing or of another shape.
 */
export async function readOptimizerState(
  folder: string,
  { optimizer }: TrainingState,
  rule: RuleName,
  parameters: { readonly names: readonly string[]; shape(name: string): number[] },
): Promise<OptimizerState> {
  if (optimizer !== rule) {
    throw new UserError(
      `The checkpoint \`${folder}\` was trained with \`optimizer: ${optimizer}\`, and \`optimize\` says ${rule}, which cannot go on with what another has remembered. Put it back, or begin a new run.`,
    )
  }
  const stored = await readSafetensors(join(folder, optimizerFile))
  const valuesOf = (parameter: string, slot: string) => {
    const tensor = stored.get(`${parameter}.${slot}`)
    if (tensor?.shape.join() !== parameters.shape(parameter).join()) {
      throw new UserError(
        `\`${join(folder, optimizerFile)}\` does not hold the \`${slot}\` of \`${parameter}\` in the model's shape. Take another checkpoint.`,
      )
    }
    return tensor.values
  }
  const slots = slotNames[rule]
  return new Map(
    parameters.names.map((name) => [
      name,
      Object.fromEntries(slots.map((slot) => [slot, valuesOf(name, slot)])),
    ]),
  )
}

/**
 * Reads the files that make up a checkpoint's model, or a mean's, as far as its folder says what they were.
 * @throws UserError where one is not what it was when it was written.
 */
export async function checkModelFiles(folder: string): Promise<void> {
  if (!existsSync(join(folder, stateFile))) {
    await checkListedFiles(folder)
    return
  }
  const { files } = await readTrainingState(folder)
  const ofModel = Object.entries(files).filter(([name]) => modelFiles.includes(name))
  await checkFiles(folder, Object.fromEntries(ofModel))
}
