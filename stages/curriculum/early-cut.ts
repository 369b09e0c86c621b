import { argsort } from './argsort.ts'

/** Shares in (0, 1) that decide what is cut; what is left out decides nothing. */
export interface EarlyCut {
  /** Of all documents, those with the smallest early loss: they were learned early. */
  readonly learned: number
  /** Of the documents that were learned early, those with the largest later loss. */
  readonly cut: number
  /** Of the same, those of whose predictions the model is most certain later. */
  readonly certain?: number | undefined
  /** Of the same, those with the smallest later gradient by the input. */
  readonly flat?: number | undefined
}

/** `[n]` numbers of each document in a later epoch. */
export interface LaterState {
  readonly loss: Float64Array
  /** Mean of the largest probability of its predictions, where `certain` is given. */
  readonly largest?: Float64Array | undefined
  /** Mean norm of the gradient by its inputs, where `flat` is given; NaN, where it is not known, is above all. */
  readonly gradient?: Float64Array | undefined
}

/**
 * Early cutting (Yuan et al., arXiv 2502.08227): what a model learned early and a later state of it finds implausible,
 * certain of something else and hardly moved by the input, was learned for the wrong reason. Of equal numbers, that of
 * the document that comes first counts as the smaller.
 *
 * @param early `[n]` loss of each document in an early epoch.
 * @returns positions of the documents to leave out, ascending: those that each of the shares has.
 */
export function earlyCut(
  early: Float64Array,
  { loss, largest, gradient }: LaterState,
  { learned, cut, certain, flat }: EarlyCut,
): Uint32Array {
  const easy = argsort(early).subarray(0, Math.round(learned * early.length))
  const ofEasy = (values: Float64Array) => argsort(Float64Array.from(easy, (document) => values[document]))
  const count = (share: number) => Math.round(share * easy.length)
  const above = (values: Float64Array, share: number) => ofEasy(values).subarray(easy.length - count(share))
  const signals = [
    above(loss, cut),
    ...(largest && certain !== undefined ? [above(largest, certain)] : []),
    ...(gradient && flat !== undefined ? [ofEasy(gradient.map(unknownAbove)).subarray(0, count(flat))] : []),
  ].map((places) => new Set(places))
  return Uint32Array.from([...signals[0]].filter((place) => signals.every((signal) => signal.has(place))))
    .map((place) => easy[place])
    .sort()
}

/** A sort of floats puts one kind of NaN first and another one last. */
function unknownAbove(value: number): number {
  return Number.isNaN(value) ? Infinity : value
}
