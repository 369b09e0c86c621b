import { createRequire } from 'node:module'
import { appendFile, mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import type { Evaluation, RunRecord, RunSetup, StepLine, StepRecord } from '../../schemas/run-record.ts'
import { replaceFile } from '../replace-file.ts'
import { defineStage } from '../stage.ts'
import { cutBack } from './json-lines.ts'
import type { Model } from './model/model.ts'
import { overlapOf } from './selection/most-kept.ts'
import { thisMachine } from './this-machine.ts'

const { version } = createRequire(import.meta.url)('gradus/package.json') as { version: string }

export const record = defineStage({
  name: 'record',
  summary:
    'Write what every step did into the run folder: setup.json, steps.jsonl, evaluations.jsonl, and run.json at the end.',
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
      const { updates, model, record, evaluation, meanEvaluation } = step
      if (isFirst) {
        // What a run that goes on wrote after its checkpoint, it will write again.
        await cutBack<StepLine>(stepsFile, ({ step }) => step < updates - 1, count)
        await cutBack<Evaluation>(evaluationsFile, ({ step }) => step < updates, notice)
        await writeJson(join(to, 'setup.json'), setupOf(model))
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
        const run: RunRecord = {
          version: 1,
          ...setupOf(model),
          steps: updates,
          tokens,
          seconds: milliseconds / 1000,
          tokensPerSecond: tokens / (milliseconds / 1000),
          before,
          after: evaluation ?? null,
          ...(meanEvaluation && { mean: meanEvaluation }),
        }
        await writeJson(join(to, 'run.json'), run)
      }
      yield step
    }
  },
})

function setupOf({ backend: { name, device, reason }, parameters }: Model): RunSetup {
  return {
    gradus: version,
    backend: { name, device, reason },
    machine: thisMachine(),
    parameters: parameters.count,
  }
}

async function writeJson(path: string, value: RunSetup | RunRecord): Promise<void> {
  await replaceFile(path, (file) => file.writeFile(`${JSON.stringify(value, null, 2)}\n`))
}
