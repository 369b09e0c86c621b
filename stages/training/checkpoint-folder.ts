import { copyFile, mkdir, open, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { type StoredTensor, type WritableTensor, writeSafetensors } from '../../schemas/safetensors.ts'
import { UserError } from '../../schemas/user-error.ts'
import { syncToDisk } from '../replace-file.ts'
import type { ModelConfig } from './model/config.ts'
import { fromLlamaConfig, toLlamaConfig } from './model/llama-config.ts'
import { readWeights, weightsName } from './model-weights.ts'

/** A model on disk: `model.safetensors`, `config.json` and `tokenizer.json`, as transformers and llama.cpp read them. */
export interface Checkpoint {
  readonly config: ModelConfig
  /** Parameters by name. */
  readonly tensors: ReadonlyMap<string, StoredTensor>
  /** Id of the token that separates documents. */
  readonly endOfText: number
  /** Path of its tokenizer.json. */
  readonly tokenizer: string
}

/** Folder of the checkpoint after `updates` updates. Names sort in the order of their steps. */
export function checkpointFolder(run: string, updates: number): string {
  return join(run, 'checkpoints', `step-${String(updates).padStart(6, '0')}`)
}

/** Folder of the mean of a run's last models, which stands beside its checkpoints. */
export function averageFolder(run: string): string {
  return join(run, 'checkpoints', 'average')
}

/** Updates made before the checkpoint in a folder that `checkpointFolder` named. */
export function updatesOf(folder: string): number {
  return Number(basename(folder).slice('step-'.length))
}

/**
 * Writes a folder so that it either does not exist or is whole.
 * @param write writes its files into a folder of another name
 */
export async function writeFolder(folder: string, write: (partial: string) => Promise<void>): Promise<void> {
  const partial = join(dirname(folder), `.${basename(folder)}.partial`)
  await rm(partial, { recursive: true, force: true })
  await mkdir(partial, { recursive: true })
  try {
    await write(partial)
  } catch (error) {
    await rm(partial, { recursive: true })
    throw error
  }
  for (const name of await readdir(partial)) await syncToDisk(join(partial, name))
  await syncToDisk(partial)
  await rm(folder, { recursive: true, force: true })
  await rename(partial, folder)
  await syncToDisk(dirname(folder))
}

export async function writeModel(
  folder: string,
  { config, tensors, endOfText, tokenizer }: Checkpoint,
): Promise<void> {
  const json = JSON.stringify(toLlamaConfig(config, endOfText), null, 2)
  await writeFile(join(folder, 'config.json'), `${json}\n`)
  await copyFile(tokenizer, join(folder, 'tokenizer.json'))
  await writeTensors(join(folder, weightsName), tensors)
}

export async function writeTensors(
  path: string,
  tensors: ReadonlyMap<string, WritableTensor>,
  metadata?: Readonly<Record<string, string>>,
): Promise<void> {
  await using file = await open(path, 'w')
  await writeSafetensors(file, tensors, metadata)
}

/**
 * Reads a checkpoint's folder, or the newest checkpoint of a run's folder.
 * @throws UserError where there is none, or it is not whole.
 */
export async function readCheckpoint(path: string): Promise<Checkpoint> {
  const folder = (await listCheckpoints(path)).at(-1) ?? path
  let text: string
  try {
    text = await readFile(join(folder, 'config.json'), 'utf8')
  } catch {
    throw new UserError(
      `\`${path}\` holds no checkpoint. Give the folder that \`train --out\` wrote, one of its checkpoints, or a folder with a Llama model.`,
    )
  }
  const { config, endOfText } = fromLlamaConfig(text, join(folder, 'config.json'))
  const tensors = await readWeights(folder, config)
  return { config, tensors, endOfText, tokenizer: join(folder, 'tokenizer.json') }
}

/** The checkpoints of a run, oldest first. */
export async function listCheckpoints(run: string): Promise<string[]> {
  const folder = join(run, 'checkpoints')
  const names = await readdir(folder).catch(() => [])
  return names
    .filter((name) => /^step-\d+$/.test(name))
    .map((name) => join(folder, name))
    .sort((a, b) => updatesOf(a) - updatesOf(b))
}
