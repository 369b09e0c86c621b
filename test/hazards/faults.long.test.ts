import { faults } from '../../scripts/bench/faults.ts'

/** Short runs of `npm run bench -- faults --json`, which does the same at length. */

test('score and train that are killed at random moments come to what unbroken runs come to, and changed bytes are found', async () => {
  const { lost, score, train, corruptions, ...results } = await faults({
    kills: 10,
    corruptions: 3,
    seed: 1,
    texts: 10,
    backend: 'wasm',
  })
  expect({ score: score.lost, train: train.lost, corruptions: corruptions.lost }).toEqual({
    score: [],
    train: [],
    corruptions: [],
  })
  expect(results).toEqual({ killed: 20, corrupted: 3, recovered: 23 })
  expect(lost).toBe(0)
}, 600_000)
