import { lossDrop, softmax, SourceSampler, upperBounds } from '../../../stages/curriculum/source-sampler.ts'

const settings = { window: 300, tau: 0.1 }

describe('the fall of a loss', () => {
  it.each([
    // (4 + 3)/2 − (2 + 1)/2, and 5 − (3 + 1)/2.
    [[4, 3, 2, 1], 2],
    [[5, 3, 1], 3],
    [[1, 2, 3], 0],
    [[7], 0],
    [[], 0],
  ])('of %j is %d', (losses, expected) => {
    expect(lossDrop(losses)).toBeCloseTo(expected, 12)
  })
})

describe('upper confidence bounds', () => {
  // n = 3: √(2 ln 4 / 4) = 0.832555 and √(2 ln 4 / 1) = 1.665109. n = 30: √(2 ln 31 / 11) = 0.790167, / 21 = 0.571880.
  it.each([
    [
      [0.5, 0.1],
      [3, 0],
      [1.332555, 1.765109],
    ],
    [
      [0, 0.25],
      [10, 20],
      [0.790167, 0.82188],
    ],
    [
      [0.3, 0.2],
      [0, 0],
      [0.3, 0.2],
    ],
  ])('of gains %j after %j sequences are %j', (gains, counts, expected) => {
    upperBounds(gains, counts).forEach((bound, i) => expect(bound).toBeCloseTo(expected[i], 5))
  })

  it('become shares by a softmax: ln 3 temperatures more is three times as much', () => {
    const shares = softmax([5, 5 + 0.1 * Math.log(3)], 0.1)
    expect(shares[0]).toBeCloseTo(0.25, 12)
    expect(shares[1]).toBeCloseTo(0.75, 12)
    expect(softmax([0, 1e6], 0.1)).toEqual([0, 1])
  })
})

describe('SourceSampler', () => {
  const share = (sampler: SourceSampler, source: number, draws = 4000) =>
    sampler.draw(7, draws).filter((drawn) => drawn === source).length / draws

  it('draws all sources alike before it knows any of them', () => {
    // Standard deviation of a share of 1/4 in 4000 draws: 0.0068.
    for (const source of [0, 1, 2, 3])
      expect(Math.abs(share(new SourceSampler(4, 1, settings), source) - 0.25)).toBeLessThan(0.03)
  })

  it('draws by its bounds', () => {
    const sampler = new SourceSampler(2, 3, settings)
    // Ten sequences each: equal bonuses. One loss falls by 0.1 from its older to its newer half.
    for (let i = 0; i < 10; i++) {
      sampler.observe(0, 3)
      sampler.observe(1, i < 5 ? 3.1 : 3)
    }
    expect(Math.abs(share(sampler, 1) - Math.E / (1 + Math.E))).toBeLessThan(0.03)
  })

  it('forgets what lies before its window', () => {
    const sampler = new SourceSampler(2, 3, { window: 6, tau: 0.1 })
    for (let i = 0; i < 20; i++) {
      sampler.observe(0, 3)
      sampler.observe(1, i < 14 ? 50 - i : 3)
    }
    expect(Math.abs(share(sampler, 1) - 0.5)).toBeLessThan(0.03)
  })

  it('comes back to a source that it has seldom seen', () => {
    const sampler = new SourceSampler(2, 3, settings)
    for (let i = 0; i < 500; i++) sampler.observe(0, 3)
    expect(share(sampler, 1)).toBeGreaterThan(0.99)
  })

  it('draws the same for a seed and a step, and otherwise for another', () => {
    const draw = (seed: number, step: number) => new SourceSampler(5, seed, settings).draw(step, 50)
    expect(draw(1, 4)).toEqual(draw(1, 4))
    expect(draw(1, 4)).not.toEqual(draw(2, 4))
    expect(draw(1, 4)).not.toEqual(draw(1, 5))
  })
})
