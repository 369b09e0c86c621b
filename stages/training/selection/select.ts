import { z } from 'zod'
import type { Batch, Forwarded, Selected, Selection } from '../messages.ts'
import { tokensOfRows } from '../model/kept.ts'
import { keepRatio, keepRatioOption, type KeepRatioSchedule } from '../schedules/keep-ratio.ts'
import type { Score } from './criteria.ts'
import { everything, mean, readLosses } from './losses.ts'
import { partOf } from './part-of.ts'
import type { Sample } from './sample.ts'

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
 * Chooses `count` of the items with these scores, the scores of tokens or the mean scores of sequences; returns their
 * indices, ascending, or a sample with its weights. Without weights all that is kept weighs the same.
 */
export type Choice = (scores: Float32Array, count: number, batch: Batch) => Int32Array | Sample

export interface SelectionSettings {
  readonly keep: KeepRatioSchedule
  readonly granularity: Granularity
  readonly choose: Choice
  /** Whether what is kept is what lies above a threshold. */
  readonly hasThreshold: boolean
  /** Whether `choose` may leave something out at a keep ratio of 1. */
  readonly alwaysChooses?: boolean
}

/**
 * Adds to every forward pass what `choose` keeps of it. At least one item is kept; a keep ratio of 1 keeps all.
 * @param score what items are compared by, asked for only where there is something to choose; the losses if left out
 */
export async function* select(
  items: AsyncIterable<Forwarded>,
  settings: SelectionSettings,
  score?: Score,
): AsyncGenerator<Selected, void, undefined> {
  for await (const forwarded of items) {
    const { batch } = forwarded
    const losses = await readLosses(forwarded)
    const scores = score && chooses(settings, batch) ? await score(forwarded, losses) : undefined
    const selection = selectionOf(losses, batch, settings, scores)
    // Scores that nobody asked for have no smallest one.
    yield { ...forwarded, selection: score && !scores ? { ...selection, threshold: null } : selection }
  }
}

/**
 * @param losses `[B·T]`
 * @param tokenScores `[B·T]`
 */
export function selectionOf(
  losses: Float32Array,
  batch: Batch,
  settings: SelectionSettings,
  tokenScores: Float32Array = losses,
): Selection {
  const { granularity, choose, hasThreshold } = settings
  const ratio = ratioOf(settings, batch)
  const scores = granularity === 'token' ? tokenScores : sequenceMeans(tokenScores, batch.length)
  const choice = chooses(settings, batch) ? choose(scores, countOf(settings, batch), batch) : undefined
  const chosen = choice instanceof Int32Array ? choice : choice?.items
  const threshold = hasThreshold ? smallest(scores, chosen) : null
  const keepsAll = choice instanceof Int32Array && choice.length === scores.length
  if (!choice || !chosen || keepsAll) return { ...everything(losses), keepRatio: ratio, threshold }
  const kept =
    granularity === 'token'
      ? { tokens: chosen, rows: rowsOfTokens(chosen, batch) }
      : { tokens: undefined, rows: chosen }
  const tokens = kept.tokens ?? tokensOfRows(chosen, batch.length)
  return {
    ...kept,
    weights: tokenWeights(choice, tokens.length),
    keptFraction: tokens.length / losses.length,
    keepRatio: ratio,
    threshold,
    keptLoss: mean(losses, tokens),
    loss: mean(losses),
  }
}

function ratioOf({ keep }: SelectionSettings, { step, steps }: Batch): number {
  return keepRatio(keep, step / steps)
}

function itemsOf({ granularity }: SelectionSettings, { rows, length }: Batch): number {
  return granularity === 'token' ? rows * length : rows
}

function countOf(settings: SelectionSettings, batch: Batch): number {
  return Math.max(1, Math.round(partOf(itemsOf(settings, batch), ratioOf(settings, batch))))
}

function chooses(settings: SelectionSettings, batch: Batch): boolean {
  return (settings.alwaysChooses ?? false) || countOf(settings, batch) < itemsOf(settings, batch)
}

function sequenceMeans(scores: Float32Array, length: number): Float32Array {
  const means = new Float32Array(scores.length / length)
  for (let row = 0; row < means.length; row++) {
    means[row] = mean(scores.subarray(row * length, (row + 1) * length))
  }
  return means
}

/** The weight of an item is shared out evenly among its tokens, of which every item has as many. */
function tokenWeights(choice: Int32Array | Sample, tokens: number): Float32Array {
  const weights = new Float32Array(tokens)
  if (choice instanceof Int32Array) return weights.fill(1 / tokens)
  const each = tokens / choice.items.length
  for (let i = 0; i < tokens; i++) weights[i] = choice.weights[Math.floor(i / each)] / each
  return weights
}

/** Sequences with a kept token; undefined where every one has. Backward has nothing to do in the others. */
function rowsOfTokens(tokens: Int32Array, { rows, length }: Batch): Int32Array | undefined {
  const seen = new Int32Array(rows)
  let count = 0
  for (let i = 0; i < tokens.length; i++) {
    const row = Math.floor(tokens[i] / length)
    if (count === 0 || seen[count - 1] !== row) seen[count++] = row
  }
  return count === rows ? undefined : seen.subarray(0, count)
}

function smallest(scores: Float32Array, chosen: Int32Array | undefined): number {
  let least = Infinity
  const count = chosen ? chosen.length : scores.length
  for (let i = 0; i < count; i++) least = Math.min(least, scores[chosen ? chosen[i] : i])
  return least
}
