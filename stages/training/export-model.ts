import { readdir, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { UserError } from '../../schemas/user-error.ts'
import { openTokenizer } from '../shards/tokenizer-file.ts'
import { type Checkpoint, writeFolder, writeModel } from './checkpoint-folder.ts'
import { weightsName } from './model-weights.ts'

const generationName = 'generation_config.json'
const tokenizerConfigName = 'tokenizer_config.json'
const exported = [weightsName, 'config.json', 'tokenizer.json', generationName, tokenizerConfigName]

/**
 * Writes a model as transformers' LlamaForCausalLM and AutoTokenizer, and llama.cpp's converter, read it. An export that
 * is in the folder is replaced, and is there until the new one is whole.
 * @throws UserError where the folder holds anything else.
 */
export async function exportModel(checkpoint: Checkpoint, to: string): Promise<void> {
  const { config, endOfText, tokenizer: path } = checkpoint
  await checkTarget(to)
  const { tokenizer } = await openTokenizer(path)
  const separator = tokenizer.idToToken(endOfText)
  if (separator === null) {
    throw new UserError(
      `The tokenizer \`${path}\` has no token ${endOfText}, which ends a text by \`eos_token_id\` in the model's \`config.json\`. Put the id of one that it has there.`,
    )
  }
  await writeFolder(resolve(to), async (partial) => {
    await writeModel(partial, checkpoint)
    await writeJson(join(partial, generationName), { bos_token_id: endOfText, eos_token_id: endOfText })
    await writeJson(join(partial, tokenizerConfigName), {
      tokenizer_class: 'PreTrainedTokenizerFast',
      bos_token: separator,
      eos_token: separator,
      model_max_length: config.context,
      clean_up_tokenization_spaces: false,
    })
  })
}

async function checkTarget(to: string): Promise<void> {
  let names: string[]
  try {
    names = await readdir(to)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT') return
    throw new UserError(`No model can be written to \`${to}\` (${code}). Give another folder.`)
  }
  const other = names.find((name) => !exported.includes(name))
  if (other === undefined) return
  throw new UserError(`\`${to}\` holds \`${other}\`, which is not of an export. Give a folder of its own.`)
}

async function writeJson(path: string, value: object): Promise<void> {
  await writeFile(path, `${JSON.stringify(value, null, 2)}\n`)
}
