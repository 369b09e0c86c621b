import fc from 'fast-check'
import { difficulty } from '../../../stages/curriculum/difficulty.ts'

/** Quantile of each value by counting: smaller values, and half of the other equal ones. */
function rankByCounting(values: readonly number[]): number[] {
  return values.map((value) => {
    const smaller = values.filter((other) => other < value).length
    const equal = values.filter((other) => other === value).length
    return values.length === 1 ? 0.5 : (smaller + (equal - 1) / 2) / (values.length - 1)
  })
}

const columns = fc.integer({ min: 1, max: 40 }).chain((n) =>
  fc.array(
    fc.record({
      values: fc.array(fc.oneof(fc.integer({ min: 0, max: 9 }), fc.double({ noNaN: true })), {
        minLength: n,
        maxLength: n,
      }),
      hardEnd: fc.constantFrom('high', 'low'),
      weight: fc.integer({ min: 1, max: 4 }),
    }),
    { minLength: 1, maxLength: 3 },
  ),
)

describe('difficulty', () => {
  it('is the rank of the weighted mean of the ranks', () => {
    fc.assert(
      fc.property(columns, (metrics) => {
        const n = metrics[0].values.length
        const mean = new Array<number>(n).fill(0)
        for (const { values, hardEnd, weight } of metrics) {
          rankByCounting(values).forEach(
            (rank, i) => (mean[i] += weight * (hardEnd === 'high' ? rank : 1 - rank)),
          )
        }
        const typed = metrics.map((metric) => ({ ...metric, values: Float64Array.from(metric.values) }))
        const { hardness, ascending } = difficulty(n, typed)
        expect([...hardness]).toEqual([...Float32Array.from(rankByCounting(mean))])
        expect([...ascending].sort((a, b) => a - b)).toEqual(mean.map((_, i) => i))
        for (let i = 1; i < n; i++) expect(mean[ascending[i]]).toBeGreaterThanOrEqual(mean[ascending[i - 1]])
      }),
      { seed: 1 },
    )
  })

  it('puts the hard end at 1 and lets ties share their mean rank', () => {
    // Flesch: low is hard. Ranks of 90, 30, 60, 60, 10 from the low end: 4, 1, 2.5, 2.5, 0 of 4.
    const flesch = { values: Float64Array.of(90, 30, 60, 60, 10), hardEnd: 'low', weight: 1 } as const
    const { hardness, ascending } = difficulty(5, [flesch])
    expect([...hardness]).toEqual([0, 0.75, 0.375, 0.375, 1])
    expect([...ascending]).toEqual([0, 2, 3, 1, 4])
  })

  it('does not depend on a metric’s scale', () => {
    const values = [0.5, 3, 2, 8, 4.5]
    const plain = difficulty(5, [{ values: Float64Array.from(values), hardEnd: 'high', weight: 1 }])
    const stretched = difficulty(5, [
      { values: Float64Array.from(values, Math.exp), hardEnd: 'high', weight: 3 },
    ])
    expect(stretched).toEqual(plain)
  })

  it('makes all documents equally difficult without a metric', () => {
    expect(difficulty(3, [])).toEqual({
      hardness: Float32Array.of(0.5, 0.5, 0.5),
      ascending: Uint32Array.of(0, 1, 2),
    })
  })
})
