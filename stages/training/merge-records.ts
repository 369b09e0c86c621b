import type { StepRecord } from '../../schemas/run-record.ts'
import type { Gradients } from './messages.ts'

type Record = Gradients['record']

/**
 * The record of a step that was made of several batches. Means are over tokens, those of what was kept over kept tokens;
 * the Gini coefficient is the mean of the batches', and a phase's share that of the batches that have it.
 *
 * @param records one at least; a single one stays as it is, but for its step
 */
export function mergeRecords(step: number, records: readonly Record[]): Record {
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
    keptByPhase: sharesByPhase(records),
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

function sharesByPhase(records: readonly Record[]): StepRecord['keptByPhase'] {
  const shares = new Map<string, number[]>()
  for (const { keptByPhase } of records) {
    for (const [phase, share] of Object.entries(keptByPhase)) {
      shares.set(phase, [...(shares.get(phase) ?? []), share])
    }
  }
  const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length
  return Object.fromEntries([...shares].map(([phase, values]) => [phase, mean(values)]))
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
