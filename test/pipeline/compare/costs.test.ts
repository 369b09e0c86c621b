import { costToTarget } from '../../../pipeline/compare/cost-to-target.ts'
import { stepFlops } from '../../../pipeline/compare/floating-point-operations.ts'

describe('floating-point operations of a step', () => {
  const sizes = { head: 1000, body: 9000 }
  const [tokens, N] = [64, 10_000]

  test.each(['sequence', 'token'] as const)(
    'are six a parameter and token where every %s is kept',
    (granularity) => {
      expect(stepFlops(sizes, { tokens, keptFraction: 1, granularity })).toBe(6 * N * tokens)
    },
  )

  test('are 1 + 2k forward passes where the share k of the sequences is kept', () => {
    for (const k of [0.25, 0.5]) {
      const flops = stepFlops(sizes, { tokens, keptFraction: k, granularity: 'sequence' })
      expect(flops).toBeCloseTo((1 + 2 * k) * 2 * N * tokens, 6)
    }
  })

  test('are saved in the head alone where single tokens are kept', () => {
    const flops = stepFlops(sizes, { tokens, keptFraction: 0.25, granularity: 'token' })
    expect(6 * N * tokens - flops).toBe(4 * 1000 * 0.75 * tokens)
  })
})

describe('the cost to a target', () => {
  const point = (steps: number, bitsPerByte: number) => ({
    steps,
    tokens: 100 * steps,
    flops: 5000 * steps,
    seconds: steps / 4,
    bitsPerByte,
  })
  const curve = [point(0, 8), point(10, 3), point(20, 2), point(30, 2.2), point(40, 1.8)]

  test('lies on the straight line between two evaluations', () => {
    expect(costToTarget(curve, 2.5)).toEqual({ steps: 15, tokens: 1500, flops: 75_000, seconds: 3.75 })
  })

  test('is that of the first time, also where the run went back over it', () => {
    expect(costToTarget(curve, 2.1)?.steps).toBeCloseTo(19, 9)
    expect(costToTarget(curve, 2)?.steps).toBe(20)
  })

  test('is nothing where the run began below it, and null where it never came there', () => {
    expect(costToTarget(curve, 9)).toEqual({ steps: 0, tokens: 0, flops: 0, seconds: 0 })
    expect(costToTarget(curve, 1.7)).toBeNull()
  })
})
