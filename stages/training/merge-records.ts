import type { StepRecord } from '../../schemas/run-record.ts'
import type { Batch, Gradients } from './messages.ts'
import { type PhaseRow, phaseShares } from './selection/phase-shares.ts'

type Record = Gradients['record']

/** What a batch did to an update. */
export interface BatchRecord {
  readonly batch: Pick<Batch, 'length' | 'phases'>
  readonly record: Record
}

/**
 * The record of a step that was made of several batches. Means are over tokens, those of what was kept over kept tokens,
 * and a phase's share over the tokens of its rows. The Gini coefficient is the mean of the batches', and so is the share
 * of a quarter, which is one of each batch's targets.
 *
 * @param parts one at least; the record of a single one stays as it is, but for its step
 */
export function mergeRecords(step: number, parts: readonly BatchRecord[]): Record {
  const records = parts.map(({ record }) => record)
  if (records.length === 1) return { ...records[0], step }
  const sum = (value: (record: Record) => number) =>
    records.reduce((total, record) => total + value(record), 0)
  const tokens = sum((record) => record.tokens)
  const mean = (value: (record: Record) => number) => sum((record) => value(record) * record.tokens) / tokens
  const keptFraction = mean((record) => record.keptFraction)
  const keptMean = (value: (record: Record) => number) =>
    mean((record) => value(record) * record.keptFraction) / keptFraction
  const thresholds = records.flatMap(({ threshold }) => threshold ?? [])
  return {
    step,
    loss: mean(({ loss }) => loss),
    keptLoss: keptMean(({ keptLoss }) => keptLoss),
    keepRatio: mean(({ keepRatio }) => keepRatio),
    keptFraction,
    threshold: thresholds.length > 0 ? Math.min(...thresholds) : null,
    keptByPhase: phaseShares(parts.flatMap(phaseRows)),
    keptByFrequency: [0, 1, 2, 3].map((quarter) =>
      mean(({ keptByFrequency }) => keptByFrequency[quarter]),
    ) as unknown as StepRecord['keptByFrequency'],
    documentGini: keptMean(({ documentGini }) => documentGini),
    mostKept: oftenest(records),
    tokens,
    waitingMs: sum(({ waitingMs }) => waitingMs),
    forwardMs: sum(({ forwardMs }) => forwardMs),
    backwardMs: sum(({ backwardMs }) => backwardMs),
  }
}

/** A batch's share counts for each of its rows, as if all had kept alike. */
function phaseRows({ batch: { phases, length }, record: { keptByPhase } }: BatchRecord): PhaseRow[] {
  return Array.from(phases, (phase) => ({ phase, kept: keptByPhase[phase] * length, tokens: length }))
}

/** The ids that stand in most of the lists, and of equals those that stand further in front; as many as the longest has. */
function oftenest(records: readonly Record[]): number[] {
  const places = new Map<number, number>()
  const longest = Math.max(...records.map(({ mostKept }) => mostKept.length))
  for (const { mostKept } of records) {
    mostKept.forEach((id, place) =>
      places.set(id, (places.get(id) ?? 0) + 1 - place / (mostKept.length * records.length)),
    )
  }
  return [...places]
    .sort(([a, x], [b, y]) => y - x || a - b)
    .slice(0, longest)
    .map(([id]) => id)
}
