import { z } from 'zod'
import { learningRate, learningRateOptions } from '../../../../stages/training/schedules/learning-rate.ts'
import { areas, fitLossLaw, predictedLoss } from '../../../../stages/training/schedules/loss-prediction.ts'
import { seededRandom } from '../../../../stages/seeded-random.ts'

const options = z.strictObject(learningRateOptions)
const steps = 2000
const warmUp = 100

function ratesOf(given: z.input<typeof options>, peak = 0.1): number[] {
  const rate = { peak, ...options.parse({ 'warm-up': warmUp, ...given }) }
  return Array.from({ length: steps }, (_, step) => learningRate(rate, step, steps, { rows: 1, length: 1 }))
}

test('the areas are the sums of the paper, worked out by hand', () => {
  // Rates 1, 2 (warm-up), 2, 1, 1: m = 0, 0, 0, 1, 0.999 and S2 their sum.
  const { s1, s2 } = areas([1, 2, 2, 1, 1], 2)
  expect([...s1]).toEqual([1, 3, 5, 6, 7])
  expect([...s2].map((value) => Number(value.toFixed(6)))).toEqual([0, 0, 0, 1, 1.999])
})

test('a fit finds the constants that a curve was made with', () => {
  const law = { L0: 2.5, A: 0.6, C: 0.04, alpha: 0.5 }
  const curve = areas(ratesOf({ schedule: 'cosine' }), warmUp)
  const losses = curve.s1.map((s1, i) => predictedLoss(law, s1, curve.s2[i]))
  const fit = fitLossLaw(losses, curve, warmUp)
  expect(fit.L0).toBeCloseTo(2.5, 3)
  expect(fit.A).toBeCloseTo(0.6, 2)
  expect(fit.C).toBeCloseTo(0.04, 4)
  expect(fit.alpha).toBeCloseTo(0.5, 2)
})

test('a few losses that are far off change the fit little', () => {
  const law = { L0: 2, A: 1, C: 0.05, alpha: 0.4 }
  const random = seededRandom(1)
  const curve = areas(ratesOf({ schedule: 'wsd' }), warmUp)
  const losses = curve.s1.map((s1, i) => {
    const noise = 1 + 0.01 * (random() / 2 ** 31 - 1)
    return predictedLoss(law, s1, curve.s2[i]) * noise * (random() % 50 === 0 ? 1.5 : 1)
  })
  const fit = fitLossLaw(losses, curve, warmUp)
  expect(predictedLoss(fit, curve.s1[1999], curve.s2[1999])).toBeCloseTo(
    predictedLoss(law, curve.s1[1999], curve.s2[1999]),
    1.5,
  )
})

/**
 * Gradient descent with noise on a quadratic with eigenvalues 1/k, worked out exactly: the expected square of each
 * coordinate goes from v to (1 − ηλ)² v + η² σ² λ. Nothing in it knows of the law.
 */
const noise = 0.3
function noisyQuadratic(rates: readonly number[]): number[] {
  const eigenvalues = Array.from({ length: 200 }, (_, k) => 1 / (k + 1))
  const squares = eigenvalues.map(() => 1)
  return rates.map((rate) => {
    let loss = 1
    eigenvalues.forEach((eigenvalue, k) => {
      squares[k] = (1 - rate * eigenvalue) ** 2 * squares[k] + rate ** 2 * noise * eigenvalue
      loss += (eigenvalue * squares[k]) / 2
    })
    return loss
  })
}

test.each(['wsd', 'linear', 'rex'] as const)(
  'fitted on a cosine run of descent on a noisy quadratic, it predicts the final loss under %s within 2%%',
  (schedule) => {
    const known = ratesOf({ schedule: 'cosine', final: 0 }, 0.4)
    const law = fitLossLaw(noisyQuadratic(known), areas(known, warmUp), warmUp)
    const rates = ratesOf({ schedule }, 0.4)
    const { s1, s2 } = areas(rates, warmUp)
    const truth = noisyQuadratic(rates)[steps - 1]
    const constant = noisyQuadratic(ratesOf({ schedule: 'constant' }, 0.4))[steps - 1]
    // What the schedules differ by is more than the prediction is off.
    expect(truth / constant).toBeLessThan(0.95)
    expect(Math.abs(predictedLoss(law, s1[steps - 1], s2[steps - 1]) / truth - 1)).toBeLessThan(0.02)
  },
)
