import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { UserError } from '../../../schemas/user-error.ts'
import { checkpoint } from '../../../stages/training/checkpoint.ts'
import { updatesOf } from '../../../stages/training/checkpoint-folder.ts'
import type { Step } from '../../../stages/training/messages.ts'
import { readNamedCheckpoint } from '../../../stages/training/named-checkpoint.ts'
import { batches, context, drain, train } from './small-run.ts'

let folder: string
let run: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'gradus-named-'))
  run = join(folder, 'run')
  await writeFile(join(folder, 'tokenizer.json'), '{}')
  const steps = train(batches(folder), { model: { backend: 'wasm' } })
  // The fewest bits per byte after four updates.
  const options = { to: run, every: 2, keep: 9, average: 'uniform', 'average-of': 2 } as const
  await drain(checkpoint.run(evaluated(steps, [9, 9, 5, 9, 3, 9, 4, 9, 6]), context(checkpoint, options)))
})
afterAll(() => rm(folder, { recursive: true }))

async function* evaluated(items: AsyncIterable<Step>, bits: readonly number[]): AsyncGenerator<Step> {
  for await (const step of items) {
    const measured = { nats: 1, perplexity: 1, tokens: 1, bytes: 1, unigramBitsPerByte: 1 }
    yield { ...step, evaluation: { ...measured, step: step.updates, bitsPerByte: bits[step.updates] } }
  }
}

const said: string[] = []
const read = (name?: string, path = run) => readNamedCheckpoint(path, name, (sentence) => said.push(sentence))

test.each([
  [undefined, 8],
  ['2', 2],
  ['000006', 6],
  ['best', 4],
])('%s is the checkpoint after %d updates', async (name, updates) => {
  expect(updatesOf(dirname((await read(name)).tokenizer))).toBe(updates)
})

test('the average is the model beside the checkpoints', async () => {
  const { tensors, tokenizer } = await read('average')
  expect(dirname(tokenizer)).toBe(join(run, 'checkpoints', 'average'))
  const [a, b] = [await read('6'), await read('8')]
  const of = ({ tensors }: Pick<typeof a, 'tensors'>) => tensors.get('model.embed_tokens.weight')!.values
  of({ tensors }).forEach((value, i) => expect(value).toBeCloseTo((of(a)[i] + of(b)[i]) / 2, 6))
})

test.each([
  ['3', 'has no checkpoint `3`. Give best, average, or one of 2, 4, 6, 8.'],
  ['newest', 'has no checkpoint `newest`.'],
  ['-2', 'has no checkpoint `-2`.'],
  ['../..', 'has no checkpoint `../..`.'],
])('a checkpoint %s that is not there is refused', async (name, sentence) => {
  const outcome = read(name)
  await expect(outcome).rejects.toThrow(sentence)
  await expect(outcome).rejects.toBeInstanceOf(UserError)
})

test('a run without an average, or that nothing measured, says how to get one', async () => {
  await expect(read('average', folder)).rejects.toThrow('Train with `average` of `checkpoint`')
  await expect(read('best', folder)).rejects.toThrow('Train with `best: true` of `checkpoint`')
  await expect(read('2', folder)).rejects.toThrow('Give the folder that `train --out` wrote')
})

test('a checkpoint that was altered is refused by its name, and is not the best', async () => {
  const altered = join(run, 'checkpoints', 'step-000004')
  await writeFile(join(altered, 'config.json'), '{}')
  await expect(read('4')).rejects.toThrow(/config\.json` has 2 bytes and not/)
  await writeFile(join(altered, 'training-state.json'), '{')
  expect(updatesOf(dirname((await read('best')).tokenizer))).toBe(6)
})
