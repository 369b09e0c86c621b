import { seededRandom, shuffle, xoshiro128 } from '../../stages/seeded-random.ts'

describe('xoshiro128', () => {
  it('gives the numbers of the reference implementation', () => {
    // From the tests of the Rust crate rand_xoshiro, made with xoshiro128starstar.c 1.1 and state {1, 2, 3, 4}.
    const expected = [
      11520, 0, 5927040, 70819200, 2031721883, 1637235492, 1287239034, 3734860849, 3729100597, 4258142804,
    ]
    const random = xoshiro128(Uint32Array.of(1, 2, 3, 4))
    expect(expected.map(() => random())).toEqual(expected)
  })
})

describe('shuffle', () => {
  it('gives every arrangement equally often', () => {
    const random = seededRandom(7)
    const seen = new Map<string, number>()
    for (let i = 0; i < 24_000; i++) {
      const items = Uint32Array.of(0, 1, 2, 3)
      shuffle(items, random)
      seen.set(items.join(), (seen.get(items.join()) ?? 0) + 1)
    }
    expect(seen.size).toBe(24)
    const chiSquare = [...seen.values()].reduce((sum, count) => sum + (count - 1000) ** 2 / 1000, 0)
    // The 99.9 % quantile with 23 degrees of freedom.
    expect(chiSquare).toBeLessThan(49.73)
  })

  it('gives close seeds unlike arrangements', () => {
    const arranged = [0, 1, 2].map((seed) => {
      const items = Uint32Array.from({ length: 1000 }, (_, i) => i)
      shuffle(items, seededRandom(seed))
      return items
    })
    const same = (a: Uint32Array, b: Uint32Array) => a.filter((item, i) => item === b[i]).length
    expect(same(arranged[0], arranged[1])).toBeLessThan(10)
    expect(same(arranged[1], arranged[2])).toBeLessThan(10)
  })
})
