import { z } from 'zod'
import { learningRate, learningRateOptions } from '../../../../stages/training/schedules/learning-rate.ts'
import { type ShapeName, shapes } from '../../../../stages/training/schedules/learning-rates/shapes.ts'

const options = z.strictObject(learningRateOptions)
type Given = z.input<typeof options>

const batch = { rows: 16, length: 100 }

function rates(given: Given, steps: number, peak = 8, shape = batch): number[] {
  const rate = { peak, ...options.parse(given) }
  return Array.from({ length: steps }, (_, step) => learningRate(rate, step, steps, shape))
}

/**
 * Peak 8, warm-up 4 of 12 steps unless a row says otherwise, so 2, 4, 6, 8 and then z = 0, 1/8, ..., 7/8; worked out
 * with pencil and paper.
 */
const tables: Record<ShapeName, [given: Given, rates: Record<number, number>][]> = {
  constant: [[{ schedule: 'constant' }, { 0: 2, 1: 4, 3: 8, 4: 8, 11: 8 }]],
  // f = 1/4: 2 + 6 (1 − z).
  linear: [
    [
      { schedule: 'linear', final: 0.25 },
      { 0: 2, 3: 8, 4: 8, 6: 6.5, 8: 5, 10: 3.5, 11: 2.75 },
    ],
  ],
  // 2 + 3 (1 + cos πz), with cos π/4 = √½ and cos π/2 = 0.
  cosine: [
    [
      { schedule: 'cosine', final: 0.25 },
      { 0: 2, 3: 8, 4: 8, 6: 5 + 3 * Math.SQRT1_2, 8: 5, 10: 5 - 3 * Math.SQRT1_2 },
    ],
    // The default final share is 0.1: half way down it is 0.8 + 7.2/2.
    [{ schedule: 'cosine' }, { 8: 4.4 }],
  ],
  // f = 1/3: 8/3 + 16/3 · (1 + cos πz)/2, half way 8/3 + 8/3.
  'moderate-decay': [[{ schedule: 'moderate-decay' }, { 4: 8, 8: 16 / 3 }]],
  // 8 √(4/t): at 9 steps 8 · 2/3.
  'inverse-sqrt': [
    [{ schedule: 'inverse-sqrt' }, { 3: 8, 4: 8, 9: 16 / 3 }],
    [
      { schedule: 'inverse-sqrt', 'warm-up': 0 },
      { 0: 8, 1: 8, 4: 4 },
    ],
  ],
  wsd: [
    // The last quarter is two steps, z = 6/8 and 7/8: x = 0 and 1/2.
    [{ schedule: { wsd: { decay: 0.25 } } }, { 4: 8, 9: 8, 10: 8, 11: 4 }],
    // The last half, z = 4/8 to 7/8, x = 0, 1/4, 1/2, 3/4; a half-life of 1/4 is a half each.
    [
      { schedule: { wsd: { decay: 0.5, along: 'exponential', 'half-life': 0.25 } } },
      { 7: 8, 8: 8, 9: 4, 10: 2, 11: 1 },
    ],
  ],
  // Decay from z = 1/4 to 3/4 in a line to 8 · 1/4 = 2, and 2 from there.
  wsdc: [
    [
      { schedule: { wsdc: { decay: 0.5, tail: 0.25 } }, final: 0.25 },
      { 5: 8, 6: 8, 7: 6.5, 8: 5, 9: 3.5, 10: 2, 11: 2 },
    ],
  ],
  // n = 1600 t tokens; 16 · 4 · n^−½ = 64/(40 √t) = 1.6/√t, under the peak of 0.8 from t = 4 on.
  power: [
    [
      { schedule: { power: { a: 4, b: -0.5 } }, 'warm-up': 0 },
      { 0: 8, 4: 0.8, 9: 1.6 / 3 },
    ],
  ],
  // (1 − z)/(1 − z/2): at 1/2 it is 2/3, at 3/4 it is 2/5.
  rex: [[{ schedule: 'rex' }, { 4: 8, 8: 16 / 3, 10: 3.2 }]],
  // p = 4: (4^(1 + c) − 4)/12 with c = 1, 1/2, so 12/12 and (8 − 4)/12.
  'cosine-power': [[{ schedule: { 'cosine-power': { p: 4 } } }, { 4: 8, 8: 8 / 3 }]],
  // To z = 1/2 from 8 to 4 along a cosine, at 1/4 half of it; the last quarter to 4 · (1/4)^x, x = 0 and 1/2.
  infinite: [
    [
      { schedule: { infinite: { cooldown: 0.5, level: 0.5, decay: 0.25 } }, final: 0.125 },
      { 4: 8, 6: 6, 8: 4, 9: 4, 10: 4, 11: 2 },
    ],
  ],
  // Two falls are one and a half turns of z: down to 2 at z = 1/3, up at 2/3. Warm-up 0 and 6 steps give z = k/6.
  triangular: [
    [
      { schedule: { triangular: { cycles: 2 } }, final: 0.25, 'warm-up': 0 },
      { 0: 8, 1: 5, 2: 2, 3: 5, 4: 8, 5: 5 },
    ],
  ],
}

describe('learningRate', () => {
  for (const [name, rows] of Object.entries(tables)) {
    for (const [given, expected] of rows) {
      it(`${name}: ${JSON.stringify(given)}`, () => {
        const steps = given['warm-up'] === 0 && name === 'triangular' ? 6 : 12
        const all = rates({ 'warm-up': 4, ...given }, steps)
        for (const [step, rate] of Object.entries(expected)) {
          expect([step, all[Number(step)]]).toEqual([step, expect.closeTo(rate, 12)])
        }
      })
    }
  }

  it.each(Object.keys(shapes) as ShapeName[])(
    '%s stays between zero and the peak, and begins there',
    (schedule) => {
      const all = rates({ schedule, 'warm-up': 10 }, 300, 0.003)
      expect(all[10]).toBe(0.003)
      expect(all.every((rate) => rate > 0 && rate <= 0.003)).toBe(true)
    },
  )

  it('power follows the published numbers: β 4 n^−0.51 for 128 sequences after 10⁹ tokens is 0.01316', () => {
    // 10⁹^−0.51 = 10^−4.59 = 2.5704e-5; times 512.
    const shape = { rows: 128, length: 4096 }
    const step = 1e9 / (128 * 4096)
    const rate = { peak: 1, ...options.parse({ schedule: 'power', 'warm-up': 0 }) }
    expect(learningRate(rate, step, 1e6, shape)).toBeCloseTo(0.0131604, 6)
  })

  it('starts at the peak without a warm-up, and approaches zero where the final share is zero', () => {
    const all = rates({ schedule: 'cosine', 'warm-up': 0, final: 0 }, 1000, 0.003)
    expect(all[0]).toBe(0.003)
    expect(all[999]).toBeGreaterThan(0)
    expect(all[999]).toBeLessThan(1e-7)
  })

  it('only rises where the warm-up is longer than the run', () => {
    expect(rates({ schedule: 'linear', 'warm-up': 10 }, 5, 1)[4]).toBe(0.5)
  })

  it('warms up again from where the last run ended', () => {
    // From 0.25 · 8 = 2 to 8 in four steps of 1.5.
    expect(rates({ 'warm-up': 4, 'warm-up-from': 0.25 }, 12).slice(0, 5)).toEqual([3.5, 5, 6.5, 8, 8])
  })
})

describe('learningRateOptions', () => {
  it.each<[string, unknown, RegExp]>([
    ['a schedule that does not exist', { schedule: 'cosin' }, /schedule/],
    ['an option of another schedule', { schedule: { rex: { p: 2 } } }, /schedule/],
    ['a decay longer than the run', { schedule: { wsd: { decay: 1.5 } } }, /decay/],
    [
      'parts that are more than the run',
      { schedule: { wsdc: { decay: 0.9, tail: 0.2 } } },
      /more than the run/,
    ],
    ['parts that are more than the run', { schedule: { infinite: { cooldown: 0.95 } } }, /more than the run/],
    ['a final share above one', { final: 2 }, /final/],
  ])('refuse %s: %j', (_, given, problem) => {
    const { error } = options.safeParse(given)
    expect(JSON.stringify(error?.issues.map(({ path, message }) => [path, message]))).toMatch(problem)
  })

  it('have a JSON Schema, for editors', () => {
    expect(JSON.stringify(z.toJSONSchema(options, { io: 'input' }))).toContain('half-life')
  })
})
