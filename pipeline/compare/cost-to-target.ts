import type { Cost } from '../../schemas/comparison.ts'

/** A held-out measurement, and what the run had taken until then. */
export interface CurvePoint extends Cost {
  readonly bitsPerByte: number
}

/**
 * What a run took until it first had `target` bits per byte, by straight lines between its evaluations.
 *
 * @param curve in the order of steps
 * @returns null where it never came there.
 */
export function costToTarget(curve: readonly CurvePoint[], target: number): Cost | null {
  const at = curve.findIndex(({ bitsPerByte }) => bitsPerByte <= target)
  if (at === -1) return null
  const after = curve[at]
  const before = curve[at - 1] ?? after
  const fall = before.bitsPerByte - after.bitsPerByte
  const share = fall === 0 ? 1 : (before.bitsPerByte - target) / fall
  const between = (measure: keyof Cost) => before[measure] + share * (after[measure] - before[measure])
  return {
    steps: between('steps'),
    tokens: between('tokens'),
    flops: between('flops'),
    seconds: between('seconds'),
  }
}
