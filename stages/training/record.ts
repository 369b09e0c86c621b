import { createRequire } from 'node:module'
import { appendFile, mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import type { Evaluation, RunRecord } from '../../schemas/run-record.ts'
import { replaceFile } from '../replace-file.ts'
import { defineStage } from '../stage.ts'

const { version } = createRequire(import.meta.url)('gradus/package.json') as { version: string }

export const record = defineStage({
  name: 'record',
  summary:
    'Write what every step did into the run folder: steps.jsonl, evaluations.jsonl, and run.json at the end.',
  version: 1,
  accepts: ['steps'],
  emits: 'steps',
  options: z.strictObject({ to: z.string().meta({ description: 'Folder of the run.' }) }),
  async *run(items, { options: { to } }) {
    await mkdir(to, { recursive: true })
    const evaluations: Evaluation[] = []
    let tokens = 0
    let milliseconds = 0
    for await (const step of items) {
      if (step.evaluation) {
        evaluations.push(step.evaluation)
        await appendFile(join(to, 'evaluations.jsonl'), `${JSON.stringify(step.evaluation)}\n`)
      }
      if (step.record) {
        tokens += step.record.tokens
        milliseconds += step.record.stepMs
        await appendFile(join(to, 'steps.jsonl'), `${JSON.stringify(step.record)}\n`)
      }
      const { updates, model } = step
      if (updates === step.batch.steps) {
        await writeRecord(to, {
          version: 1,
          gradus: version,
          backend: { name: model.backend.name, device: model.backend.device, reason: model.backend.reason },
          parameters: model.parameters.count,
          steps: updates,
          tokens,
          seconds: milliseconds / 1000,
          tokensPerSecond: tokens / (milliseconds / 1000),
          before: evaluations.find(({ step }) => step === 0) ?? null,
          after: evaluations.find(({ step }) => step === updates) ?? null,
        })
      }
      yield step
    }
  },
})

async function writeRecord(folder: string, run: RunRecord): Promise<void> {
  await replaceFile(join(folder, 'run.json'), (file) => file.writeFile(`${JSON.stringify(run, null, 2)}\n`))
}
