import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Evaluation, RunRecord } from '../schemas/run-record.ts'
import { UserError } from '../schemas/user-error.ts'
import { averageFolder } from '../stages/training/checkpoint-folder.ts'
import { formatNumber } from './progress.ts'

/** Reads a run's `run.json`. @throws UserError when the folder holds no finished run. */
export async function readRun(folder: string): Promise<RunRecord> {
  try {
    return JSON.parse(await readFile(join(folder, 'run.json'), 'utf8')) as RunRecord
  } catch {
    throw new UserError(`\`${folder}\` holds no finished run. Give the folder that \`train --out\` wrote.`)
  }
}

/** What a run came to, in a few lines. */
export function summarize(run: RunRecord, folder: string): string {
  const rows: [string, string][] = [
    ['bits per byte, held out', bitsPerByte(run.before, run.after)],
    ...(run.mean ? [meanRow(run.mean, folder)] : []),
    ['tokens per second', Math.round(run.tokensPerSecond).toLocaleString('en')],
    [
      'model',
      `${run.parameters.toLocaleString('en')} parameters, ${run.steps} steps, ${run.tokens.toLocaleString('en')} tokens`,
    ],
    ['back end', `${run.backend.name} (${run.backend.device}). ${run.backend.reason}`],
    ['run', folder],
  ]
  const width = Math.max(...rows.map(([name]) => name.length))
  return rows.map(([name, value]) => `${name.padEnd(width)}  ${value}\n`).join('')
}

function bitsPerByte(before: Evaluation | null, after: Evaluation | null): string {
  if (!after) return 'not evaluated'
  const start = before ? `${formatNumber(before.bitsPerByte)} before, ` : ''
  return `${start}${formatNumber(after.bitsPerByte)} after (a unigram model of the same tokens: ${formatNumber(after.unigramBitsPerByte)})`
}

function meanRow({ bitsPerByte }: Evaluation, folder: string): [string, string] {
  return ['of the mean model', `${formatNumber(bitsPerByte)}, in ${averageFolder(folder)}`]
}
