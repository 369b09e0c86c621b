import fc from 'fast-check'
import { rankCorrelation } from '../../scoring/rank-correlation.ts'

describe('rankCorrelation', () => {
  it('agrees with published examples', () => {
    // Hours of television against intelligence quotient: rho = -29/165.
    const quotient = [106, 100, 86, 101, 99, 103, 97, 113, 112, 110]
    const hours = [7, 27, 2, 50, 28, 29, 20, 12, 6, 17]
    expect(rankCorrelation(quotient, hours)).toBeCloseTo(-29 / 165, 12)
    // With ties: ranks 0.5 0.5 2 3 against 0 1 2.5 2.5.
    expect(rankCorrelation([1, 1, 2, 3], [4, 5, 6, 6])).toBeCloseTo(4 / 4.5, 12)
  })

  it('is 1 for any rising function, -1 for any falling one', () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.integer({ min: -1000, max: 1000 }), { minLength: 2 }), (values) => {
        expect(
          rankCorrelation(
            values,
            values.map((value) => value ** 3),
          ),
        ).toBeCloseTo(1, 9)
        expect(
          rankCorrelation(
            values,
            values.map((value) => -Math.atan(value)),
          ),
        ).toBeCloseTo(-1, 9)
      }),
    )
  })

  it('has no value where nothing varies', () => {
    expect(rankCorrelation([1, 1, 1], [1, 2, 3])).toBeNaN()
  })
})
