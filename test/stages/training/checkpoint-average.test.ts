import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { z } from 'zod'
import { readSafetensors } from '../../../schemas/safetensors.ts'
import type { Interruption } from '../../../stages/stage.ts'
import { checkpoint } from '../../../stages/training/checkpoint.ts'
import { averageWeights } from '../../../stages/training/checkpoint-average.ts'
import { readCheckpoint } from '../../../stages/training/checkpoint-folder.ts'
import { readNamedCheckpoint } from '../../../stages/training/named-checkpoint.ts'
import { readNewestModel } from '../../../stages/training/newest-model.ts'
import type { Step } from '../../../stages/training/messages.ts'
import { verifyRun } from '../../../stages/training/verify-run.ts'
import { Verification } from '../../../stages/verification.ts'
import { batches, context, drain, said, train } from './small-run.ts'

let folder: string
let run: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'gradus-average-'))
  run = join(folder, 'run')
  await writeFile(join(folder, 'tokenizer.json'), '{}')
})
afterEach(() => rm(folder, { recursive: true }))

type Options = Partial<z.input<typeof checkpoint.options>>
const at = (updates: number) => join(run, 'checkpoints', `step-00000${updates}`)
const mean = () => join(run, 'checkpoints', 'average')
const names = () => readdir(join(run, 'checkpoints'))
const steps = (from = 0, resume?: string) =>
  train(batches(folder, { from }), {
    model: { backend: 'wasm', resume },
    optimizer: { resume },
  })
const kept = (items: AsyncIterable<Step>, options: Options, interruption?: Interruption) =>
  checkpoint.run(items, {
    ...context(checkpoint, { to: run, every: 2, keep: 3, average: 'uniform', 'average-of': 3, ...options }),
    ...(interruption && { interruption }),
  })

/** The weighted mean of some checkpoints' parameters, by name. */
async function meanOf(updates: readonly number[], weights: readonly number[]) {
  const models = await Promise.all(updates.map((n) => readSafetensors(join(at(n), 'model.safetensors'))))
  return new Map(
    Array.from(models[0], ([name, { values }]) => [
      name,
      Array.from(values, (_, i) =>
        models.reduce((sum, model, m) => sum + weights[m] * model.get(name)!.values[i], 0),
      ),
    ]),
  )
}

async function expectMean(updates: readonly number[], weights: readonly number[]) {
  const { tensors, endOfText, config } = await readCheckpoint(mean())
  expect({ endOfText, config }).toEqual(
    await readCheckpoint(at(8)).then(({ endOfText, config }) => ({ endOfText, config })),
  )
  const expected = await meanOf(updates, weights)
  expect([...tensors.keys()]).toEqual([...expected.keys()])
  for (const [name, { values }] of tensors) {
    const errors = expected.get(name)!.map((value, i) => Math.abs(values[i] - value))
    expect(Math.max(...errors)).toBeLessThan(1e-7)
  }
}

test('a uniform mean is that of the newest models, and is a model that text can be generated from', async () => {
  await drain(kept(steps(), {}))
  expect(await names()).toEqual(['average', 'step-000004', 'step-000006', 'step-000008'])
  expect((await readdir(mean())).sort()).toEqual([
    'config.json',
    'files.json',
    'model.safetensors',
    'tokenizer.json',
  ])
  await expectMean([4, 6, 8], [1 / 3, 1 / 3, 1 / 3])
  expect(said.at(-1)).toBe(`The mean of the last 3 checkpoints is \`${mean()}\`.`)
  await readNewestModel(mean(), () => expect('said nothing').toBe(''))
  // A run's newest model is still that of its last update.
  const newest = await readNewestModel(run, () => undefined)
  expect(newest.tensors).toEqual((await readCheckpoint(at(8))).tensors)
})

test('the exponential mean counts each model 0.8 times the next newer one', async () => {
  await drain(kept(steps(), { average: 'ema', every: 1, 'average-of': 4, keep: 4 }))
  const weights = [0.512, 0.64, 0.8, 1].map((weight) => weight / 2.952)
  await expectMean([5, 6, 7, 8], weights)
  averageWeights('ema', 4).forEach((weight, i) => expect(weight).toBeCloseTo(weights[i], 12))
  expect(averageWeights('ema', 6).reduce((sum, weight) => sum + weight, 0)).toBeCloseTo(1, 12)
})

test('the mean in the shape of a decay is the model that a decaying learning rate would have made of the same updates', () => {
  // Updates of 1, 10, 100 and 1000 from the first of five models on; rates 1 − √(j/5) after it, by a pocket calculator.
  const models = [0, 1, 11, 111, 1111]
  const rates = [0.552786405, 0.36754447, 0.225403331, 0.105572809]
  const decayed = 1 * rates[0] + 10 * rates[1] + 100 * rates[2] + 1000 * rates[3]
  const weights = averageWeights('decay', 5)
  expect(weights.reduce((sum, weight, j) => sum + weight * models[j], 0)).toBeCloseTo(decayed, 5)
  expect(weights.reduce((sum, weight) => sum + weight, 0)).toBeCloseTo(1, 12)
})

test('where there are fewer models than the mean is of, it is of those', async () => {
  await drain(kept(steps(), { every: 5, 'average-of': 6, keep: 6 }))
  await expectMean([5, 8], [0.5, 0.5])
})

test('a run that was stopped between two checkpoints and goes on comes to the same mean, to the last bit', async () => {
  await drain(kept(steps(), {}))
  const whole = await readFile(join(mean(), 'model.safetensors'))
  await rm(run, { recursive: true })
  for (const stop of [3, 5]) {
    let isFulfilled = false
    let done = 0
    const interruption: Interruption = {
      defer: () => undefined,
      get wished() {
        return done >= stop - 1
      },
      fulfil: () => (isFulfilled = true),
    }
    const from = stop === 3 ? 0 : 3
    done = from
    const items = kept(steps(from, from > 0 ? at(from) : undefined), {}, interruption)
    for await (const { updates } of items) {
      done = updates
      if (updates === stop) {
        await items.next().catch(() => undefined)
        break
      }
    }
    expect(isFulfilled).toBe(true)
    expect(await names()).toContain(`step-00000${stop}`)
  }
  await drain(kept(steps(5, at(5)), {}))
  // The one at which it was stopped is among the newest three, and yet not part of the mean.
  expect(await names()).toEqual(['average', ...[4, 5, 6, 8].map((n) => `step-00000${n}`)])
  expect((await readFile(join(mean(), 'model.safetensors'))).equals(whole)).toBe(true)
})

test('a run that was killed before its mean was written writes it when it goes on', async () => {
  await drain(kept(steps(), {}))
  const whole = await readFile(join(mean(), 'model.safetensors'))
  await rm(mean(), { recursive: true })
  await drain(kept(steps(7, at(8)), {}))
  expect((await readFile(join(mean(), 'model.safetensors'))).equals(whole)).toBe(true)
})

test('a mean in which a single bit has changed is read by no name, and verify names the file and the remedy', async () => {
  await drain(kept(steps(), {}))
  const verified = async () => {
    const verification = new Verification(new AbortController().signal)
    await verifyRun(run, verification)
    return verification
  }
  const remedy =
    "Remove the `run.json` of its run and go on with `train --resume`, which writes the mean of the run's models anew."
  const sound = await verified()
  expect(sound.damage).toEqual([])
  for (const [name, end] of [
    ['config.json', ' was altered since it was written.'],
    ['tokenizer.json', ' was altered since it was written.'],
    ['model.safetensors', ' was altered since it was written.'],
    ['files.json', ', which says what the files beside it were, is cut or altered.'],
  ]) {
    const path = join(mean(), name)
    const bytes = await readFile(path)
    await writeFile(path, bytes.with(bytes.length - 1, bytes[bytes.length - 1] ^ 4))
    const damage = `\`${path}\`${end} ${remedy}`
    const ignored = () => undefined
    await expect(readNewestModel(mean(), ignored)).rejects.toThrow(damage)
    await expect(readNamedCheckpoint(run, 'average', ignored)).rejects.toThrow(damage)
    expect((await verified()).damage).toEqual([damage])
    await writeFile(path, bytes)
  }
  // The three files that the list names, and the list itself.
  await rm(mean(), { recursive: true })
  expect((await verified()).files).toBe(sound.files - 4)
})

test('a mean that was written without a list of its files is read as before', async () => {
  await drain(kept(steps(), {}))
  await rm(join(mean(), 'files.json'))
  const { tensors } = await readNamedCheckpoint(run, 'average', () => undefined)
  expect(tensors).toEqual((await readCheckpoint(mean())).tensors)
  const verification = new Verification(new AbortController().signal)
  await verifyRun(run, verification)
  expect(verification.damage).toEqual([])
})

test('a model that has changed since is not made part of a mean, and the run ends all the same', async () => {
  for await (const { updates } of kept(steps(), {})) {
    if (updates !== 6) continue
    const path = join(at(4), 'model.safetensors')
    const bytes = await readFile(path)
    bytes[bytes.length - 2] ^= 4
    await writeFile(path, bytes)
  }
  expect(said.at(-1)).toMatch(
    /^No mean of the checkpoints is written: `.*model.safetensors` was altered since/,
  )
  expect(await names()).toEqual(['step-000004', 'step-000006', 'step-000008'])
})

test.each([
  [{ average: 'ema' }, ['keep'], 'must be at least 6, the checkpoints of `average-of`, and is 2'],
  [{ average: 'uniform', 'average-of': 3 }, ['keep'], 'must be at least 3'],
  [{ average: 'uniform', 'average-of': 2, every: 0 }, ['every'], 'must be above 0'],
  [{ 'average-of': 2 }, ['average-of'], 'needs an `average`'],
])('%o is refused before anything runs', (options, path, message) => {
  const issues = checkpoint.options.safeParse({ to: 'run', ...options }).error?.issues
  expect(issues).toEqual([
    expect.objectContaining({ path, message: expect.stringContaining(message) as string }),
  ])
})
