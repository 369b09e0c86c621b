import { z } from 'zod'
import { documentColumns } from '../../schemas/documents.ts'
import { defineStage } from '../stage.ts'
import { BatchBuilder } from './batch-builder.ts'
import { blankLinePassages, separatedPassages, wordPassages } from './passages.ts'

const batchRows = 1024

export const split = defineStage({
  name: 'split',
  summary: 'Cut documents into passages; the nth passage of document `id` becomes document `id#n`, from 0.',
  version: 1,
  accepts: ['documents'],
  emits: 'documents',
  options: z.strictObject({
    by: z
      .string()
      .regex(/^(none|blank-lines|separator:[\s\S]+|words:[1-9]\d*)$/, {
        error: 'Use none, blank-lines, separator:S or words:N.',
      })
      .meta({
        description:
          'Where to cut: none; blank-lines; separator:S, at every S, which is dropped; words:N, into passages ' +
          'of about N words at paragraph ends, else sentence ends, else words.',
      }),
  }),
  async *run(batches, { options, signal, stats }) {
    if (options.by === 'none') {
      yield* batches
      return
    }
    const passagesOf = cutter(options.by)
    const builder = new BatchBuilder(batchRows)
    for await (const batch of batches) {
      const { rows, ids, texts, sources, positions } = documentColumns(batch)
      let [passages, withoutText] = [0, 0]
      for (let row = 0; row < rows; row++) {
        signal.throwIfAborted()
        let number = 0
        for (const passage of passagesOf(texts.text(row))) {
          const full = builder.add(`${ids.text(row)}#${number}`, passage, sources.text(row), positions[row])
          number++
          if (full) yield full
        }
        passages += number
        if (number === 0) withoutText++
      }
      stats.add('passages', passages)
      if (withoutText > 0) stats.drop('no text', withoutText)
    }
    const rest = builder.finish()
    if (rest) yield rest
  },
})

function cutter(by: string): (text: string) => Iterable<string> {
  const [, kind, argument] = /^([^:]+):?([^]*)$/.exec(by)!
  if (kind === 'blank-lines') return blankLinePassages
  if (kind === 'separator') return (text) => separatedPassages(text, argument)
  return (text) => wordPassages(text, Number(argument))
}
