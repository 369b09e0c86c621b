import { readdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Evaluation, StepLine } from '../../schemas/run-record.ts'
import { replaceFile } from '../../stages/replace-file.ts'
import { encodeEvent, type Scalars } from './event.ts'
import { readRunFolders } from './run-folder.ts'
import { frame } from './tfrecord.ts'

const prefix = 'events.out.tfevents.'

/**
 * Writes TensorBoard's file beside the records of a run, from these and in place of one of before, so that no step is
 * there twice however often the run was stopped.
 * @returns its path
 * @throws UserError where the folder holds no run.
 */
export async function writeEvents(folder: string): Promise<string> {
  const [{ steps, evaluations }] = await readRunFolders([folder])
  const { mtimeMs } = await stat(join(folder, 'graph.yaml'))
  const begin = mtimeMs / 1000
  // TensorBoard takes a folder's files by their names, and goes on to a new one when it is at the end of another.
  const path = join(folder, `${prefix}${Math.floor(begin)}.gradus`)
  const records = [...eventsOf(steps, evaluations, begin)].map(frame)
  await replaceFile(path, (file) => file.writeFile(Buffer.concat(records)), join(folder, '.events.partial'))
  for (const name of await readdir(folder)) {
    const other = join(folder, name)
    if (name.startsWith(prefix) && name.endsWith('.gradus') && other !== path) await rm(other)
  }
  return path
}

/** Encoded events by their step, those of an evaluation before the step that follows it. */
function* eventsOf(
  steps: readonly StepLine[],
  evaluations: readonly Evaluation[],
  begin: number,
): Generator<Uint8Array> {
  // The time of day is that of the graph and, from there, of the steps themselves.
  let time = begin
  yield encodeEvent({ wallTime: time, step: 0, fileVersion: 'brain.Event:2' })
  const waiting = [...evaluations]
  const due = (updates: number) => waiting.splice(0, waiting.filter(({ step }) => step <= updates).length)
  for (const line of steps) {
    for (const evaluation of due(line.step)) yield ofEvaluation(evaluation, time)
    time += (line.waitingMs + line.stepMs) / 1000
    yield encodeEvent({ wallTime: time, step: line.step, scalars: scalarsOf(line) })
  }
  for (const evaluation of due(Infinity)) yield ofEvaluation(evaluation, time)
}

function ofEvaluation({ step, bitsPerByte, perplexity, nats }: Evaluation, wallTime: number): Uint8Array {
  const scalars = {
    'held-out/bits-per-byte': bitsPerByte,
    'held-out/perplexity': perplexity,
    'held-out/nats': nats,
  }
  return encodeEvent({ wallTime, step, scalars })
}

function scalarsOf(line: StepLine): Scalars {
  const { threshold, overlap, keptByPhase, keptByFrequency } = line
  return {
    'train/loss': line.loss,
    'train/learning-rate': line.learningRate,
    'train/gradient-norm': line.gradientNorm,
    'train/tokens-per-second': line.tokens / (line.stepMs / 1000),
    'selection/keep-ratio': line.keepRatio,
    'selection/kept-fraction': line.keptFraction,
    'selection/kept-loss': line.keptLoss,
    'selection/document-gini': line.documentGini,
    ...(threshold !== null && { 'selection/threshold': threshold }),
    ...(overlap !== null && { 'selection/overlap': overlap }),
    ...named('selection/kept-by-phase', Object.entries(keptByPhase)),
    ...named(
      'selection/kept-by-frequency',
      keptByFrequency.map((share, quarter) => [`quarter-${quarter + 1}`, share]),
    ),
  }
}

function named(group: string, entries: readonly (readonly [string, number])[]): Scalars {
  return Object.fromEntries(entries.map(([name, value]) => [`${group}/${name}`, value]))
}
