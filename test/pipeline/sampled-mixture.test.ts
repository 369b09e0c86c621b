import { cp, mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { StepRecord } from '../../schemas/run-record.ts'
import { makeShards, sentences } from '../stages/curriculum/shards-fixture.ts'
import { gradus } from './command-line.ts'

let fixture: Awaited<ReturnType<typeof makeShards>>
let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'gradus-sampled-'))
  const texts = await sentences(2)
  fixture = await makeShards([texts.slice(0, 40), texts.slice(40)], {
    sources: ['a.txt', 'b.txt'],
    heldOut: 0.1,
  })
})
afterAll(async () => {
  await fixture.remove()
  await rm(folder, { recursive: true })
})

test('a run that draws its sources by their losses goes on from a checkpoint with the draws and losses that it would have had', async () => {
  const [whole, moved] = ['whole', 'moved'].map((name) => join(folder, name))
  const set = [
    `read.with.shards=${fixture.shards}`,
    'order.with.tokens=2560',
    'pack.with.rows=4',
    'pack.with.length=32',
    `pack.with.to=${whole}`,
    'forward.with.dim=16',
    'forward.with.heads=2',
    'optimize.with.warm-up=2',
    'evaluate.with.tokens=512',
    `checkpoint.with.to=${whole}`,
    'checkpoint.with.every=12',
    'checkpoint.with.keep=3',
    `record.with.to=${whole}`,
  ].flatMap((assignment) => ['--set', `stages.${assignment}`])
  expect(await gradus('train', 'pipeline/graphs/upper-confidence.yaml', ...set)).toMatchObject({ code: 0 })
  const drawn = await readFile(join(whole, 'sources.jsonl'), 'utf8')
  const lossesIn = async (run: string) =>
    (await readFile(join(run, 'steps.jsonl'), 'utf8'))
      .trimEnd()
      .split('\n')
      .map((line) => (JSON.parse(line) as StepRecord).loss)
  const losses = await lossesIn(whole)
  const lines = drawn
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as { sources: number[]; losses: number[] })
  expect(new Set(lines.flatMap(({ sources }) => sources))).toEqual(new Set([0, 1]))
  lines.forEach((line, step) =>
    expect(line.losses.reduce((sum, loss) => sum + loss, 0) / 4).toBeCloseTo(losses[step], 6),
  )

  await cp(whole, moved, { recursive: true })
  const [, last] = (await readdir(join(moved, 'checkpoints'))).sort()
  for (const name of ['run.json', join('checkpoints', last)]) await rm(join(moved, name), { recursive: true })
  await rm(whole, { recursive: true })
  const resumed = await gradus('train', '--resume', moved)
  expect(resumed).toMatchObject({
    code: 0,
    stderr: expect.stringContaining('Going on after 12 of 20 steps') as string,
  })
  expect(await readFile(join(moved, 'sources.jsonl'), 'utf8')).toBe(drawn)
  expect(await lossesIn(moved)).toEqual(losses)
  expect(await readdir(folder)).toEqual(['moved'])
})
