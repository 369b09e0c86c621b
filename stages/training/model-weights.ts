import { readFile } from 'node:fs/promises'
import { existsSync } from 'node:fs'
import { basename, join } from 'node:path'
import { z } from 'zod'
import { openSafetensors, type SafetensorsFile, type StoredTensor } from '../../schemas/safetensors.ts'
import { UserError } from '../../schemas/user-error.ts'
import type { ModelConfig } from './model/config.ts'
import { checkShapes, embeddingName, headName, parameterShapes } from './model/parameter-shapes.ts'

export const weightsName = 'model.safetensors'
const indexName = 'model.safetensors.index.json'

/** What transformers has written beside the parameters, and follows from the configuration. */
const derived = /\.rotary_emb\.inv_freq$/

const indexSchema = z.object({ weight_map: z.record(z.string(), z.string()) })

/**
 * The parameters of a model's folder by name, in one file or in several that an index names. All shapes are held
 * against the configuration before any number is read.
 * @throws UserError where a file is missing or not whole, or its tensors are not those of the configuration.
 */
export async function readWeights(folder: string, config: ModelConfig): Promise<Map<string, StoredTensor>> {
  const files: SafetensorsFile[] = []
  try {
    for (const path of await weightFiles(folder)) files.push(await openSafetensors(path))
    const sources = sourcesOf(files, folder)
    const head = config.tied ? sources.get(headName) : undefined
    if (head) sources.delete(headName)
    const shapes = new Map(Array.from(sources, ([name, file]) => [name, { shape: shapeIn(file, name) }]))
    checkShapes(parameterShapes(config), shapes, folder)
    const tensors = new Map<string, StoredTensor>()
    for (const [name, file] of sources)
      tensors.set(name, { shape: shapeIn(file, name), values: await file.read(name) })
    const embedding = tensors.get(embeddingName) as StoredTensor
    if (head && !areEqual(await head.read(headName), embedding.values)) {
      throw new UserError(
        `The model in \`${folder}\` has a \`${headName}\` of its own, and \`tie_word_embeddings\` in its \`config.json\` is true. Set that to false.`,
      )
    }
    return tensors
  } finally {
    for (const file of files) await file[Symbol.asyncDispose]()
  }
}

/**
 * Paths of the files that hold a model's parameters.
 * @throws UserError where there is an index that names none, or one outside of the folder.
 */
export async function weightFiles(folder: string): Promise<string[]> {
  const index = join(folder, indexName)
  if (existsSync(join(folder, weightsName)) || !existsSync(index)) return [join(folder, weightsName)]
  let names: string[]
  try {
    names = Object.values(indexSchema.parse(JSON.parse(await readFile(index, 'utf8'))).weight_map)
  } catch {
    throw new UserError(`\`${index}\` does not say which file a tensor is in. Take the folder's files anew.`)
  }
  const outside = names.find((name) => basename(name) !== name)
  if (outside !== undefined) {
    throw new UserError(`\`${index}\` names \`${outside}\`, which is not a file of its folder. Put it there.`)
  }
  return [...new Set(names)].sort().map((name) => join(folder, name))
}

function sourcesOf(files: readonly SafetensorsFile[], folder: string): Map<string, SafetensorsFile> {
  const sources = new Map<string, SafetensorsFile>()
  for (const file of files) {
    for (const name of file.shapes.keys()) {
      if (derived.test(name)) continue
      if (sources.has(name)) {
        throw new UserError(`Two files in \`${folder}\` hold \`${name}\`. Take the folder's files anew.`)
      }
      sources.set(name, file)
    }
  }
  return sources
}

function shapeIn(file: SafetensorsFile, name: string): readonly number[] {
  return file.shapes.get(name) as readonly number[]
}

/** Bit for bit. */
function areEqual(a: Float32Array, b: Float32Array): boolean {
  const bytes = ({ buffer, byteOffset, byteLength }: Float32Array) =>
    Buffer.from(buffer, byteOffset, byteLength)
  return bytes(a).equals(bytes(b))
}
