import { copyFile, mkdir, open, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { readSafetensors, type StoredTensor, writeSafetensors } from '../../schemas/safetensors.ts'
import { UserError } from '../../schemas/user-error.ts'
import { syncToDisk } from '../replace-file.ts'
import type { ModelConfig } from './model/config.ts'
import { fromLlamaConfig, toLlamaConfig } from './model/llama-config.ts'

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

/** Writes a checkpoint so that its folder either does not exist or is whole. */
export async function writeCheckpoint(
  folder: string,
  { config, tensors, endOfText, tokenizer }: Checkpoint,
): Promise<void> {
  const partial = join(dirname(folder), `.${basename(folder)}.partial`)
  await rm(partial, { recursive: true, force: true })
  await mkdir(partial, { recursive: true })
  await writeFile(
    join(partial, 'config.json'),
    `${JSON.stringify(toLlamaConfig(config, endOfText), null, 2)}\n`,
  )
  await copyFile(tokenizer, join(partial, 'tokenizer.json'))
  await using file = await open(join(partial, 'model.safetensors'), 'w')
  await writeSafetensors(file, tensors)
  for (const name of await readdir(partial)) await syncToDisk(join(partial, name))
  await syncToDisk(partial)
  await rm(folder, { recursive: true, force: true })
  await rename(partial, folder)
  await syncToDisk(dirname(folder))
}

/**
 * Reads a checkpoint's folder, or the newest checkpoint of a run's folder.
 * @throws UserError where there is none, or it is not whole.
 */
export async function readCheckpoint(path: string): Promise<Checkpoint> {
  const folder = (await newest(path)) ?? path
  let text: string
  try {
    text = await readFile(join(folder, 'config.json'), 'utf8')
  } catch {
    throw new UserError(
      `\`${path}\` holds no checkpoint. Give the folder that \`train --out\` wrote, or one of its checkpoints.`,
    )
  }
  const { config, endOfText } = fromLlamaConfig(text, join(folder, 'config.json'))
  const tensors = await readSafetensors(join(folder, 'model.safetensors'))
  return { config, tensors, endOfText, tokenizer: join(folder, 'tokenizer.json') }
}

/** The checkpoints of a run, oldest first. */
export async function listCheckpoints(run: string): Promise<string[]> {
  const folder = join(run, 'checkpoints')
  const names = await readdir(folder).catch(() => [])
  return names
    .filter((name) => /^step-\d+$/.test(name))
    .sort()
    .map((name) => join(folder, name))
}

async function newest(run: string): Promise<string | undefined> {
  return (await listCheckpoints(run)).at(-1)
}
