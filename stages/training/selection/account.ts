import type { StepRecord } from '../../../schemas/run-record.ts'
import type { Batch } from '../messages.ts'
import { type Kept, tokensOfRows } from '../model/kept.ts'
import { keptByFrequency } from './frequency.ts'
import { gini } from './gini.ts'
import { documentKinds } from './document-kinds.ts'
import { mostKept } from './most-kept.ts'
import { phaseShares } from './phase-shares.ts'

/** Whom a selection favours: a pure function of the batch and of what is kept, so that a resumed run says the same. */
export function accountOf(
  batch: Batch,
  kept: Kept,
): Pick<StepRecord, 'keptByPhase' | 'keptByFrequency' | 'documentGini' | 'mostKept'> {
  const { rows, length, tokens, phases, corpus } = batch
  const all = new Int32Array(corpus.vocabulary)
  for (let target = 0; target < rows * length; target++) all[tokens[inputOf(target, length) + 1]]++

  const chosen = kept.tokens ?? (kept.rows && tokensOfRows(kept.rows, length))
  const documents = documentKinds(batch, 'token')
  if (!chosen) {
    return {
      keptByPhase: Object.fromEntries(Array.from(phases, (phase) => [phase, 1])),
      keptByFrequency: [1, 1, 1, 1],
      documentGini: gini(gainsOf(documents, undefined, kept.weights)),
      mostKept: mostKept(all),
    }
  }
  const counts = new Int32Array(corpus.vocabulary)
  const inRow = new Int32Array(rows)
  for (let i = 0; i < chosen.length; i++) {
    counts[tokens[inputOf(chosen[i], length) + 1]]++
    inRow[Math.floor(chosen[i] / length)]++
  }
  return {
    keptByPhase: phaseShares(
      Array.from(phases, (phase, row) => ({ phase, kept: inRow[row], tokens: length })),
    ),
    keptByFrequency: keptByFrequency(all, counts),
    documentGini: gini(gainsOf(documents, chosen, kept.weights)),
    mostKept: mostKept(counts),
  }
}

/** Where in `[B, T + 1]` the input stands whose target is at `target` in `[B, T]`. */
function inputOf(target: number, length: number): number {
  return target + Math.floor(target / length)
}

/**
 * Sum of the weights of each document's kept targets, for every document of the step.
 * @param documents `[B·T]` numbers from 0 of the targets' documents
 */
function gainsOf(documents: Int32Array, chosen: Int32Array | undefined, weights: Float32Array): Float64Array {
  let count = 0
  for (let i = 0; i < documents.length; i++) count = Math.max(count, documents[i] + 1)
  const gains = new Float64Array(count)
  for (let i = 0; i < weights.length; i++) gains[documents[chosen ? chosen[i] : i]] += weights[i]
  return gains
}
