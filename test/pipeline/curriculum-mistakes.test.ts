import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { makeShards, sentences } from '../stages/curriculum/shards-fixture.ts'
import { gradus } from './command-line.ts'

let fixture: Awaited<ReturnType<typeof makeShards>>
let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'gradus-mistakes-'))
  fixture = await makeShards([await sentences(2)], { metrics: ['mtld', 'flesch'], sources: ['books/a.txt'] })
})
afterAll(async () => {
  await fixture.remove()
  await rm(folder, { recursive: true })
})

interface Mistake {
  readonly order?: string
  readonly keep?: string
  readonly pack?: string
}

async function graphOf({ order = '{}', keep = '0.5', pack = '{}' }: Mistake): Promise<string> {
  const to = join(folder, 'run')
  const file = join(folder, 'graph.yaml')
  await writeFile(
    file,
    `stages:
  read: { use: read-shards, with: { shards: ${fixture.shards} } }
  order: { use: order, with: ${order} }
  pack: { use: pack, with: ${pack} }
  forward: { use: forward }
  ohem: { use: ohem, with: { keep: ${keep} } }
  backward: { use: backward }
  optimize: { use: optimize }
  checkpoint: { use: checkpoint, with: { to: ${to} } }
  record: { use: record, with: { to: ${to} } }
`,
  )
  return file
}

test.each<[string, Mistake, RegExp]>([
  [
    'a weight below zero',
    { order: '{ difficulty: { mtld: -1 } }' },
    /graph\.yaml:3:\d+ .*`difficulty\.mtld` of `order`.*a weight must not be below zero/,
  ],
  [
    'weights that are all zero',
    { order: '{ difficulty: { mtld: 0, flesch: 0 } }' },
    /`difficulty` of `order`.*at least one weight must be above zero/,
  ],
  [
    'shares that are all zero',
    { order: '{ mixture: { shares: { books: 0 } } }' },
    /`mixture\.shares` of `order`.*at least one share must be above zero/,
  ],
  [
    'a schedule that ends before the run does',
    { keep: '{ piecewise: [[0, 1], [0.5, 0.5]] }' },
    /graph\.yaml:6:\d+ .*`keep\.piecewise` of `ohem`.*the last at progress 1/,
  ],
  [
    'a schedule that leaves [0, 1]',
    { keep: '{ piecewise: [[0, 1], [1, 1.5]] }' },
    /`keep\.piecewise\.1\.1` of `ohem`.*<=1/,
  ],
])('lint names %s, with its place', async (_, mistake, message) => {
  const { code, stderr, stdout } = await gradus('lint', await graphOf(mistake))
  expect(code).toBe(1)
  expect(stdout + stderr).toMatch(message)
})

test.each<[string, Mistake, RegExp]>([
  [
    'a metric that the shards do not have',
    { order: '{ difficulty: compression-ratio }' },
    /have mtld, flesch, but not compression-ratio\. Add what is missing with `npm run pipeline -- score .* --metrics mtld,flesch,compression-ratio`/,
  ],
  [
    'a metric that nobody has',
    { order: '{ difficulty: mtdl }' },
    /but not mtdl\. None of gradus's own metrics, .*mtld.*, is called mtdl: add one of yours with the file that it is in/,
  ],
  [
    'more groups than documents',
    { order: '{ order: phases, difficulty: mtld, groups: 5000 }' },
    /Order phases cannot cut \d+ documents into 5000 groups/,
  ],
  [
    'more groups than documents of a source',
    { order: '{ order: phases, difficulty: mtld, groups: 5000, mixture: { shares: { books: 1 } } }' },
    /Order phases cannot cut \d+ documents of `books` into 5000 groups/,
  ],
  [
    'a source that does not occur',
    { order: '{ difficulty: mtld, mixture: { shares: { stories: 1 } } }' },
    /no document to train on from `stories`; their sources are `books\/a\.txt`/,
  ],
  [
    'a mixture that has nowhere to write',
    { order: '{ difficulty: mtld, mixture: { ucb: {} } }', pack: '{ rows: 2, length: 16 }' },
    /give `pack` the folder of the run, as `to`/,
  ],
])('plan names %s, before anything is made', async (_, mistake, message) => {
  const { stdout } = await gradus('plan', await graphOf(mistake))
  expect(stdout).toMatch(/What would run is not known: /)
  expect(stdout).toMatch(message)
})
