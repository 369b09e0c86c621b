import { cp, mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { makeShards, sentences } from '../stages/curriculum/shards-fixture.ts'
import { gradus } from './command-line.ts'

let fixture: Awaited<ReturnType<typeof makeShards>>
let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'gradus-dynamics-'))
  fixture = await makeShards([await sentences(2)], { metrics: ['mtld'] })
})
afterAll(async () => {
  await fixture.remove()
  await rm(folder, { recursive: true })
})

test('a run that was moved and goes on from a checkpoint writes the dynamics that it would have written', async () => {
  const [whole, moved] = ['whole', 'moved'].map((name) => join(folder, name))
  const set = [
    `read.with.shards=${fixture.shards}`,
    'order.with.tokens=2560',
    'pack.with.rows=4',
    'pack.with.length=32',
    'forward.with.dim=16',
    'forward.with.heads=2',
    'optimize.with.warm-up=2',
    'evaluate.with.tokens=512',
    `dynamics.with.to=${whole}`,
    `checkpoint.with.to=${whole}`,
    'checkpoint.with.every=8',
    'checkpoint.with.keep=3',
    `record.with.to=${whole}`,
  ].flatMap((assignment) => ['--set', `stages.${assignment}`])
  expect(await gradus('train', 'pipeline/graphs/dataset-map.yaml', ...set)).toMatchObject({ code: 0 })
  const written = await readFile(join(whole, 'dynamics.arrow'))

  await cp(whole, moved, { recursive: true })
  const [, ...later] = (await readdir(join(moved, 'checkpoints'))).sort()
  const lost = ['run.json', 'dynamics.arrow', ...later.map((name) => join('checkpoints', name))]
  for (const name of lost) await rm(join(moved, name), { recursive: true })
  await rm(whole, { recursive: true })
  const resumed = await gradus('train', '--resume', moved)
  expect(resumed).toMatchObject({
    code: 0,
    stderr: expect.stringContaining('Going on after 8 of 20 steps') as string,
  })
  expect(await readFile(join(moved, 'dynamics.arrow'))).toEqual(written)
  expect(await readdir(folder)).toEqual(['moved'])
})
