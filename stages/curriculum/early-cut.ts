import { argsort } from './argsort.ts'

/** Shares in [0, 1] that decide what is cut. */
export interface EarlyCut {
  /** Of all documents, those with the smallest early loss: they were learned early. */
  readonly learned: number
  /** Of the documents that were learned early, those with the largest later loss. */
  readonly cut: number
}

/**
 * Early cutting (Yuan et al., arXiv 2502.08227): what a model learned early and a later state of it finds implausible
 * was learned for the wrong reason. Of equal losses, the document that comes first counts as the smaller.
 *
 * @param early `[n]` loss of each document in an early epoch.
 * @param late `[n]` its loss in a later one.
 * @returns positions of the documents to leave out, ascending.
 */
export function earlyCut(early: Float64Array, late: Float64Array, { learned, cut }: EarlyCut): Uint32Array {
  const easy = argsort(early).subarray(0, Math.round(learned * early.length))
  const rising = argsort(Float64Array.from(easy, (document) => late[document]))
  const kept = easy.length - Math.round(cut * easy.length)
  return rising
    .subarray(kept)
    .map((place) => easy[place])
    .sort()
}
