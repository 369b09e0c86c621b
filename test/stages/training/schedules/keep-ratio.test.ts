import { z } from 'zod'
import { keepRatio, keepRatioOption } from '../../../../stages/training/schedules/keep-ratio.ts'

/**
 * issue-318 by hand: 1 before 0.2; from 0.2 to 0.5 the ratio loses 0.25 over 0.3, so 0.75 − (t − 0.2) · 5/6;
 * from 0.5 to 1 it loses 0.25 over 0.5, so 0.5 − (t − 0.5) / 2.
 */
const issue318 = [
  [0, 1],
  [0.1, 1],
  [0.1999, 1],
  [0.2, 0.75],
  [0.26, 0.7],
  [0.35, 0.625],
  [0.44, 0.55],
  [0.5, 0.5],
  [0.6, 0.45],
  [0.75, 0.375],
  [0.9, 0.3],
  [1, 0.25],
] as const

/** release is the same before 0.9, and 1 from there on. */
const release = [
  ...issue318.filter(([t]) => t < 0.9),
  [0.8999, 0.30005],
  [0.9, 1],
  [0.95, 1],
  [1, 1],
] as const

describe('keepRatio', () => {
  it.each(issue318)('issue-318 at progress %d is %d', (t, ratio) => {
    expect(keepRatio('issue-318', t)).toBeCloseTo(ratio, 12)
  })

  it.each(release)('release at progress %d is %d', (t, ratio) => {
    expect(keepRatio('release', t)).toBeCloseTo(ratio, 12)
  })

  /** By hand: falling is 1 − 0.75 t, rising 0.25 + 0.75 t; the tent gains 0.75 over 0.45 and loses it over 0.55. */
  it.each([
    ['falling', 0, 1],
    ['falling', 0.4, 0.7],
    ['falling', 1, 0.25],
    ['rising', 0, 0.25],
    ['rising', 0.4, 0.55],
    ['rising', 1, 1],
    ['tent', 0, 0.25],
    ['tent', 0.15, 0.5],
    ['tent', 0.45, 1],
    ['tent', 0.67, 0.7],
    ['tent', 1, 0.25],
  ] as const)('%s at progress %d is %d', (name, t, ratio) => {
    expect(keepRatio(name, t)).toBeCloseTo(ratio, 12)
  })

  it('keeps a constant ratio', () => {
    for (const t of [0, 0.3, 1]) expect(keepRatio(0.5, t)).toBe(0.5)
  })

  it('joins the points of a schedule by straight lines, and jumps where two share a progress', () => {
    const piecewise = [
      [0, 0.25],
      [0.5, 1],
      [0.5, 0.5],
      [1, 0.75],
    ] as const
    const at = (t: number) => keepRatio({ piecewise }, t)
    expect([0, 0.25, 0.5, 0.75, 1].map(at)).toEqual([0.25, 0.625, 0.5, 0.625, 0.75])
  })

  it.each([-0.01, 1.01, NaN])('refuses the progress %d', (t) => {
    expect(() => keepRatio('release', t)).toThrow(RangeError)
  })
})

describe('keepRatioOption', () => {
  const full = [
    [0, 1],
    [1, 0.5],
  ]
  it.each([0.5, 1, 'issue-318', 'release', { piecewise: full }])('takes %j', (option) => {
    expect(keepRatioOption.parse(option)).toEqual(option)
  })

  it.each([
    ['a ratio of zero', 0],
    ['a ratio above one', 1.5],
    ['an unknown name', 'issue-319'],
    ['a single point', { piecewise: [[0, 1]] }],
    [
      'a ratio outside (0, 1]',
      {
        piecewise: [
          [0, 1],
          [1, 0],
        ],
      },
    ],
    [
      'points that leave [0, 1]',
      {
        piecewise: [
          [0, 1],
          [1.5, 0.5],
        ],
      },
    ],
    [
      'points out of order',
      {
        piecewise: [
          [0, 1],
          [0.6, 0.5],
          [0.4, 0.5],
          [1, 0.5],
        ],
      },
    ],
    [
      'a schedule that begins late',
      {
        piecewise: [
          [0.1, 1],
          [1, 0.5],
        ],
      },
    ],
    [
      'a schedule that ends before the run',
      {
        piecewise: [
          [0, 1],
          [0.9, 0.5],
        ],
      },
    ],
  ])('refuses %s', (_, option) => {
    expect(keepRatioOption.safeParse(option).success).toBe(false)
  })

  it('has a JSON Schema, for editors', () => {
    expect(JSON.stringify(z.toJSONSchema(keepRatioOption))).toContain('issue-318')
  })
})
