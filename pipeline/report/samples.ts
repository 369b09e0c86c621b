import { valuesOf } from '../../schemas/safetensors.ts'
import { UserError } from '../../schemas/user-error.ts'
import type { Log } from '../../stages/stage.ts'
import { openTokenizer } from '../../stages/shards/tokenizer-file.ts'
import { openBackend } from '../../stages/training/backend/open-backend.ts'
import { generate } from '../../stages/training/generate.ts'
import { Decoder } from '../../stages/training/model/decoder.ts'
import { readNewestModel } from '../../stages/training/newest-model.ts'

/** As `generate` has them without flags. */
const sampling = { tokens: 100, temperature: 0.8, topK: 0, topP: 1 }

/** Texts that the newest checkpoint of a run writes from nothing, with seeds from 1; none where it has no whole one. */
export async function samplesOf(run: string, count: number, log: Log): Promise<string[]> {
  if (count === 0) return []
  let checkpoint
  try {
    checkpoint = await readNewestModel(run, log)
  } catch (error) {
    if (!(error instanceof UserError)) throw error
    log(`There are no samples of \`${run}\`: ${error.message}`)
    return []
  }
  const { config, tensors, endOfText, tokenizer: path } = checkpoint
  const { tokenizer } = await openTokenizer(path)
  const { name } = await openBackend('auto')
  const decoder = new Decoder(config, valuesOf(tensors), name)
  const texts: string[] = []
  try {
    for (let seed = 1; seed <= count; seed++) {
      const ids = await generate(decoder, [endOfText], { ...sampling, seed, endOfText })
      texts.push(await tokenizer.decode(ids, true))
    }
  } finally {
    decoder.dispose()
  }
  return texts
}
