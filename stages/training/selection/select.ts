import { z } from 'zod'
import type { Batch, Forwarded, Selected, Selection } from '../messages.ts'
import { tokensOfRows } from '../model/kept.ts'
import { keepRatio, keepRatioOption, type KeepRatioSchedule } from '../schedules/keep-ratio.ts'
import { everything, mean, readLosses } from './losses.ts'

export const granularities = ['sequence', 'token'] as const
export type Granularity = (typeof granularities)[number]

/** Options of every stage that keeps a share of a batch. */
export const selectionOptions = {
  keep: keepRatioOption,
  granularity: z
    .enum(granularities)
    .default('sequence')
    .describe(
      'What is kept or not. Backward runs on the kept sequences alone; tokens save work in the head only.',
    ),
}

/**
 * Chooses `count` of the items with these losses; returns their indices, ascending.
 * The losses are those of tokens, or the mean losses of sequences.
 */
export type Choice = (losses: Float32Array, count: number, batch: Batch) => Int32Array

export interface SelectionSettings {
  readonly keep: KeepRatioSchedule
  readonly granularity: Granularity
  readonly choose: Choice
  /** Whether what is kept is what lies above a threshold. */
  readonly hasThreshold: boolean
}

/** Adds to every forward pass what `choose` keeps of it. At least one item is kept; a keep ratio of 1 keeps all. */
export async function* select(
  items: AsyncIterable<Forwarded>,
  settings: SelectionSettings,
): AsyncGenerator<Selected, void, undefined> {
  for await (const forwarded of items) {
    const losses = await readLosses(forwarded)
    yield { ...forwarded, selection: selectionOf(losses, forwarded.batch, settings) }
  }
}

/** @param losses `[B·T]` */
export function selectionOf(losses: Float32Array, batch: Batch, settings: SelectionSettings): Selection {
  const { keep, granularity, choose, hasThreshold } = settings
  const ratio = keepRatio(keep, batch.step / batch.steps)
  const scores = granularity === 'token' ? losses : sequenceLosses(losses, batch.length)
  const count = Math.max(1, Math.round(ratio * scores.length))
  const chosen = count < scores.length ? choose(scores, count, batch) : undefined
  const threshold = hasThreshold ? smallest(scores, chosen) : null
  if (!chosen) return { ...everything(losses), keepRatio: ratio, threshold }
  const kept =
    granularity === 'token'
      ? { tokens: chosen, rows: rowsOfTokens(chosen, batch) }
      : { tokens: undefined, rows: chosen }
  const tokens = kept.tokens ?? tokensOfRows(chosen, batch.length)
  return {
    ...kept,
    weights: new Float32Array(tokens.length).fill(1 / tokens.length),
    keptFraction: tokens.length / losses.length,
    keepRatio: ratio,
    threshold,
    keptLoss: mean(losses, tokens),
    loss: mean(losses),
  }
}

function sequenceLosses(losses: Float32Array, length: number): Float32Array {
  return Float32Array.from({ length: losses.length / length }, (_, row) =>
    mean(losses.subarray(row * length, (row + 1) * length)),
  )
}

/** Sequences with a kept token; undefined where every one has. Backward has nothing to do in the others. */
function rowsOfTokens(tokens: Int32Array, { rows, length }: Batch): Int32Array | undefined {
  const seen = new Set(tokens.map((token) => Math.floor(token / length)))
  return seen.size === rows ? undefined : Int32Array.from(seen)
}

function smallest(scores: Float32Array, chosen: Int32Array | undefined): number {
  let least = Infinity
  for (const index of chosen ?? scores.keys()) least = Math.min(least, scores[index])
  return least
}
