import fc from 'fast-check'
import { argsort } from '../../../stages/curriculum/argsort.ts'

/** Array.prototype.sort is stable. */
function byComparator(values: readonly number[]): number[] {
  return values.map((_, i) => i).sort((a, b) => (values[a] < values[b] ? -1 : values[a] > values[b] ? 1 : 0))
}

describe('argsort', () => {
  it('agrees with a stable sort by comparator', () => {
    const value = fc.oneof(
      fc.double({ noNaN: true }),
      fc.integer({ min: -3, max: 3 }),
      // Doubles that differ in their low words only, so that they make long runs.
      fc.integer({ min: 0, max: 200 }).map((steps) => -1 - steps * Number.EPSILON),
    )
    fc.assert(
      fc.property(fc.array(value, { maxLength: 200, size: 'max' }), (values) => {
        expect([...argsort(Float64Array.from(values))]).toEqual(byComparator(values))
      }),
      { seed: 1 },
    )
  })

  it('leaves its input as it was', () => {
    const values = Float64Array.of(3, -0, -2)
    argsort(values)
    expect(values).toEqual(Float64Array.of(3, -0, -2))
  })
})
