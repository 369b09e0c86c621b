import { createRequire } from 'node:module'
import { appendFile, mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import type { Evaluation, RunRecord, StepLine, StepRecord } from '../../schemas/run-record.ts'
import { replaceFile } from '../replace-file.ts'
import { defineStage } from '../stage.ts'
import { cutBack } from './json-lines.ts'
import { overlapOf } from './selection/most-kept.ts'

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
    const [stepsFile, evaluationsFile] = [join(to, 'steps.jsonl'), join(to, 'evaluations.jsonl')]
    let before: Evaluation | null = null
    let tokens = 0
    let milliseconds = 0
    let last: StepRecord | undefined
    const count = (record: StepRecord) => {
      last = record
      tokens += record.tokens
      milliseconds += record.stepMs
    }
    const notice = (evaluation: Evaluation) => {
      if (evaluation.step === 0) before = evaluation
    }
    let isFirst = true
    for await (const step of items) {
      const { updates, model, record, evaluation } = step
      if (isFirst) {
        // What a run that goes on wrote after its checkpoint, it will write again.
        await cutBack<StepLine>(stepsFile, ({ step }) => step < updates - 1, count)
        await cutBack<Evaluation>(evaluationsFile, ({ step }) => step < updates, notice)
        isFirst = false
      }
      if (evaluation) {
        notice(evaluation)
        await appendFile(evaluationsFile, `${JSON.stringify(evaluation)}\n`)
      }
      if (record) {
        const line: StepLine = { ...record, overlap: last ? overlapOf(last.mostKept, record.mostKept) : null }
        count(record)
        await appendFile(stepsFile, `${JSON.stringify(line)}\n`)
      }
      if (updates === step.steps) {
        await writeRecord(to, {
          version: 1,
          gradus: version,
          backend: { name: model.backend.name, device: model.backend.device, reason: model.backend.reason },
          parameters: model.parameters.count,
          steps: updates,
          tokens,
          seconds: milliseconds / 1000,
          tokensPerSecond: tokens / (milliseconds / 1000),
          before,
          after: evaluation ?? null,
        })
      }
      yield step
    }
  },
})

async function writeRecord(folder: string, run: RunRecord): Promise<void> {
  await replaceFile(join(folder, 'run.json'), (file) => file.writeFile(`${JSON.stringify(run, null, 2)}\n`))
}
