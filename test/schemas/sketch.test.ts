import { mergeSketches, sketchOf } from '../../schemas/sketch.ts'

const unflagged = (length: number) => new Uint8Array(length)
const sketch = (values: number[]) => sketchOf(Float64Array.from(values), unflagged(values.length))

test('a sketch has the exact count, mean, minimum, median and maximum', () => {
  const values = Array.from({ length: 1001 }, (_, n) => (n * 617) % 1001)
  const { count, mean, quantiles } = sketch(values)
  expect({ count, mean }).toEqual({ count: 1001, mean: 500 })
  expect(quantiles).toHaveLength(33)
  expect([quantiles[0], quantiles[8], quantiles[16], quantiles[32]]).toEqual([0, 250, 500, 1000])
})

test('flagged rows are counted', () => {
  expect(sketchOf(Float64Array.of(1, 2, 3), Uint8Array.of(0, 1, 6)).flagged).toBe(2)
})

test('merged sketches have exact count, mean and ends, and quantiles whose rank is off by less than 1/32', () => {
  // Parts that have little in common: another range, another size, another shape each.
  const parts = [
    Array.from({ length: 3000 }, (_, n) => n / 100),
    Array.from({ length: 50 }, (_, n) => 1000 + n),
    Array.from({ length: 700 }, (_, n) => Math.exp(n / 100)),
    Array.from({ length: 400 }, () => 7),
    [],
  ]
  const merged = mergeSketches(parts.map(sketch))
  const all = parts.flat().sort((a, b) => a - b)
  expect(merged.count).toBe(all.length)
  expect(merged.mean).toBeCloseTo(all.reduce((sum, value) => sum + value, 0) / all.length, 9)
  expect([merged.quantiles[0], merged.quantiles[32]]).toEqual([all[0], all[all.length - 1]])
  merged.quantiles.forEach((value, at) => {
    const below = all.filter((other) => other < value).length / all.length
    const upTo = all.filter((other) => other <= value).length / all.length
    expect(below - 1 / 32).toBeLessThan(at / 32)
    expect(upTo + 1 / 32).toBeGreaterThan(at / 32)
  })
  expect([...merged.quantiles].sort((a, b) => a - b)).toEqual(merged.quantiles)
})

test('the sketch of one value merged with itself is that value', () => {
  expect(mergeSketches([sketch([3]), sketch([3])]).quantiles).toEqual(Array(33).fill(3))
})

test('merging a single sketch changes its quantiles by rounding alone', () => {
  const alone = sketch(Array.from({ length: 500 }, (_, n) => Math.sin(n) * n))
  mergeSketches([alone]).quantiles.forEach((value, at) => expect(value).toBeCloseTo(alone.quantiles[at], 9))
})

test('the sketch of no rows is empty, and adds nothing', () => {
  expect(sketch([])).toEqual({ count: 0, flagged: 0, mean: 0, quantiles: [] })
  expect(mergeSketches([])).toEqual({ count: 0, flagged: 0, mean: 0, quantiles: [] })
})
