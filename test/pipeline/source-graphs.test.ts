import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { loadGraph } from '../../pipeline/graph/load.ts'
import type { Assignment } from '../../pipeline/graph/parse.ts'
import { run } from '../../pipeline/run.ts'
import type { Evaluation, StepRecord } from '../../schemas/run-record.ts'
import { documentHashes } from '../../schemas/shard.ts'
import { openShards } from '../../stages/shards/open-shards.ts'
import { writeReadings } from '../stages/curriculum/dynamics-fixture.ts'
import { makeShards, sentences } from '../stages/curriculum/shards-fixture.ts'

/** Graphs that reproduce a source, all that train on the quickstart's shards; and the one that `train` fills in. */
const folder = 'pipeline/graphs'
const sources: string[] = []
for (const name of (await readdir(folder)).filter((name) => name.endsWith('.yaml'))) {
  if ((await readFile(join(folder, name), 'utf8')).includes('quickstart/shards')) sources.push(name)
}
const graphs = [...sources, 'train.yaml']

const steps = 20
const [rows, length] = [8, 32]

let fixture: Awaited<ReturnType<typeof makeShards>>
let runs: string
beforeAll(async () => {
  runs = await mkdtemp(join(tmpdir(), 'gradus-sources-'))
  const texts = await sentences(4)
  fixture = await makeShards([texts.slice(0, 100), texts.slice(100)], {
    sources: ['old/a.txt', 'new/b.txt'],
    heldOut: 0.1,
    metrics: ['compression-ratio', 'mtld', 'flesch'],
  })
  await writeReadings(join(runs, 'learned'), await epochs(3))
})
afterAll(async () => {
  await rm(runs, { recursive: true })
  await fixture.remove()
})

/** What an earlier run would have recorded over some epochs, in which every document was read with a loss of its own. */
async function epochs(count: number) {
  const hashes: bigint[] = []
  for await (const batch of (await openShards(fixture.shards)).scores()) hashes.push(...documentHashes(batch))
  return Array.from({ length: count }, (_, epoch) =>
    hashes.map((hash, i) => ({
      hash,
      loss: 5 - epoch + Math.sin(i + epoch),
      largest: 1 / (1 + i),
      gradient: i,
    })),
  ).flat()
}

test('there is a graph for each source', () => {
  expect(sources.length).toBeGreaterThanOrEqual(20)
})

test.each(sources)('%s says where it is from', async (name) => {
  const [, comment] = (await readFile(join(folder, name), 'utf8')).split('\n')
  expect(comment).toMatch(/^# .*(arXiv|PR|[Ii]ssue|poster)/)
})

test.each(graphs)('%s trains for 20 steps on tiny shards', async (name) => {
  const yaml = await readFile(join(folder, name), 'utf8')
  const to = join(runs, name)
  const set = (stage: string, option: string, value: unknown): Assignment => {
    return { path: ['stages', stage, 'with', option], value }
  }
  // What an earlier run learned is there for these shards alone.
  const learners = (await loadGraph(join(folder, name))).nodes.filter(
    ({ options }) => options.run !== undefined,
  )
  const graph = await loadGraph(join(folder, name), [
    set('read', 'shards', fixture.shards),
    set('order', 'tokens', steps * rows * length),
    set('pack', 'rows', rows),
    set('pack', 'length', length),
    { path: ['stages', 'forward', 'with'], value: { dim: 16, layers: 1, heads: 2 } },
    set('optimize', 'peak', 0.02),
    set('optimize', 'warm-up', 2),
    set('checkpoint', 'to', to),
    set('checkpoint', 'every', 3),
    set('record', 'to', to),
    ...(yaml.includes('record-dynamics') ? [set('dynamics', 'to', to)] : []),
    ...(yaml.includes('ucb') ? [set('pack', 'to', to)] : []),
    ...learners.map(({ id }) => set(id, 'run', join(runs, 'learned'))),
    set('evaluate', 'tokens', 512),
  ])
  await run(graph, {
    signal: new AbortController().signal,
    log: () => undefined,
    workers: 1,
    stats: () => ({ add() {}, drop() {}, set() {}, expect() {} }),
  })
  const lines = async <T>(file: string) =>
    (await readFile(join(to, file), 'utf8'))
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as T)
  const records = await lines<StepRecord>('steps.jsonl')
  expect(records.map(({ step }) => step)).toEqual([...Array(steps).keys()])
  expect(records.every(({ tokens }) => tokens === rows * length)).toBe(true)
  const [before, after] = await lines<Evaluation>('evaluations.jsonl')
  expect(after.bitsPerByte).toBeLessThan(before.bitsPerByte)
})
