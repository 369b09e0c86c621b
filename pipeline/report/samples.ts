import { UserError } from '../../schemas/user-error.ts'
import type { Log } from '../../stages/stage.ts'
import { generate } from '../../stages/training/generate.ts'
import { readNewestModel } from '../../stages/training/newest-model.ts'
import { openDecoder } from '../../stages/training/open-decoder.ts'

/** As `generate` has them without flags. */
const sampling = { tokens: 100, temperature: 0.8, topK: 0, topP: 1 }

/** Texts that the newest whole checkpoint of a run writes from nothing, with seeds from 1; none where none can. */
export async function samplesOf(run: string, count: number, log: Log): Promise<string[]> {
  if (count === 0) return []
  try {
    return await writeSamples(run, count, log)
  } catch (error) {
    if (!(error instanceof UserError)) throw error
    log(`There are no samples of \`${run}\`: ${error.message}`)
    return []
  }
}

async function writeSamples(run: string, count: number, log: Log): Promise<string[]> {
  const checkpoint = await readNewestModel(run, log)
  const { endOfText } = checkpoint
  const { decoder, tokenizer, model } = await openDecoder(checkpoint, 'auto')
  const texts: string[] = []
  try {
    for (let seed = 1; seed <= count; seed++) {
      const ids = await generate(decoder, [endOfText], { ...sampling, seed, endOfText, model })
      texts.push(await tokenizer.decode(ids, true))
    }
  } finally {
    decoder.dispose()
  }
  return texts
}
