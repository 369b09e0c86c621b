import { seededRandom } from '../../../stages/seeded-random.ts'
import { sampleToken } from '../../../stages/training/sampling.ts'

const probabilities = [0.5, 0.3, 0.15, 0.05]
const logits = Float32Array.from(probabilities, (p) => Math.log(p) + 3)
const all = { temperature: 1, topK: 0, topP: 1 }

function shares(sampling: typeof all, draws = 20_000) {
  const random = seededRandom(7)
  const counts = [0, 0, 0, 0]
  for (let i = 0; i < draws; i++) counts[sampleToken(logits, sampling, random)]++
  return counts.map((count) => count / draws)
}

/** Four standard deviations of a share of 20,000 draws. */
const close = (share: number, expected: number) =>
  expect(Math.abs(share - expected)).toBeLessThanOrEqual(4 * Math.sqrt(0.25 / 20_000))

test('tokens are drawn by their probability', () => {
  shares(all).forEach((share, id) => close(share, probabilities[id]))
})

test('temperature sharpens: at 0.5 probabilities are squared, at 0 the likeliest token is certain', () => {
  const squares = probabilities.map((p) => p * p)
  const total = squares.reduce((a, b) => a + b)
  shares({ ...all, temperature: 0.5 }).forEach((share, id) => close(share, squares[id] / total))
  expect(shares({ ...all, temperature: 0 }, 10)).toEqual([1, 0, 0, 0])
})

test('top-k and top-p leave the rest out and keep the proportions of what stays', () => {
  const two = [0.625, 0.375, 0, 0]
  shares({ ...all, topK: 2 }).forEach((share, id) => close(share, two[id]))
  shares({ ...all, topP: 0.8 }).forEach((share, id) => close(share, two[id]))
  expect(shares({ ...all, topP: 0.01 }, 10)).toEqual([1, 0, 0, 0])
})
