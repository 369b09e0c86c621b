import { appendFile, mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { dynamicsFile } from '../../schemas/dynamics.ts'
import { UserError } from '../../schemas/user-error.ts'
import { defineStage } from '../stage.ts'
import { type DocumentSums, documentSums, type EarlyCuttingSignals } from './document-sums.ts'
import { cutBack, jsonLines } from './json-lines.ts'
import type { Batch } from './messages.ts'
import { readLosses, readStatistic } from './selection/losses.ts'
import { writeDynamics } from './write-dynamics.ts'

export const recordDynamics = defineStage({
  name: 'record-dynamics',
  summary:
    'Write the mean loss and probability of each document, epoch by epoch, into the run folder: dynamics.jsonl, and dynamics.arrow at the end.',
  version: 1,
  accepts: ['forwarded'],
  emits: 'forwarded',
  options: z.strictObject({
    to: z.string().meta({ description: 'Folder of the run.', cosmetic: true }),
    'early-cutting': z
      .boolean()
      .default(false)
      .describe(
        'Whether to write, too, what `cut-early` can ask beside losses: the mean of the largest probability of each prediction, and the norm of the gradient by the input',
      ),
  }),
  async *run(items, { options: { to, 'early-cutting': earlyCutting } }) {
    await mkdir(to, { recursive: true })
    const path = join(to, 'dynamics.jsonl')
    let lines: number | undefined
    for await (const forwarded of items) {
      const { batch } = forwarded
      lines ??= await goOn(path, batch)
      const write = async (signals?: EarlyCuttingSignals) => {
        const losses = await readLosses(forwarded)
        await appendFile(path, `${JSON.stringify(documentSums(batch, losses, signals))}\n`)
        if (batch.step === batch.steps - 1) await finish(to, batch)
      }
      // The last batch may come again, for a run that had no update left to make: its line stays as it was.
      if (lines > batch.step) {
        await finish(to, batch)
        yield forwarded
      } else if (earlyCutting) {
        const largest = await readStatistic(forwarded, 'largest')
        yield { ...forwarded, onInputGradients: (gradients) => write({ largest, gradients }) }
      } else {
        await write()
        yield forwarded
      }
      lines = batch.step + 1
    }
  },
})

/** Puts the lines of all batches together. */
async function finish(to: string, { places, corpus }: Batch): Promise<void> {
  if (!places) throw new Error('The batches do not say where their documents lie.')
  await writeDynamics(join(to, dynamicsFile), sumsIn(join(to, 'dynamics.jsonl')), places, corpus.shards)
}

/**
 * Cuts back what a run that goes on wrote after its checkpoint, and will write again.
 * @returns the lines that stay, one a batch
 */
async function goOn(path: string, { step, steps }: Batch): Promise<number> {
  let lines = 0
  const stays = (line: DocumentSums) => line.step === lines && (line.step < step || step === steps - 1)
  await cutBack<DocumentSums>(path, stays, () => lines++)
  if (lines >= step) return lines
  throw new UserError(
    `\`${path}\` has whole lines up to batch ${lines} only, and the run goes on with batch ${step}: what is missing cannot be made up. Leave \`record-dynamics\` out of a new run, or begin that run anew.`,
  )
}

async function* sumsIn(path: string): AsyncGenerator<DocumentSums, void, undefined> {
  for await (const { record } of jsonLines<DocumentSums>(path)) yield record
}
