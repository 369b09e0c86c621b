import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { loadGraph } from '../../pipeline/graph/load.ts'
import type { Assignment } from '../../pipeline/graph/parse.ts'
import { run } from '../../pipeline/run.ts'
import type { Evaluation, StepRecord } from '../../schemas/run-record.ts'
import { makeShards, sentences } from '../stages/curriculum/shards-fixture.ts'

/** Graphs that reproduce a source: all that train on the quickstart's shards. */
const folder = 'pipeline/graphs'
const sources: string[] = []
for (const name of (await readdir(folder)).filter((name) => name.endsWith('.yaml'))) {
  if ((await readFile(join(folder, name), 'utf8')).includes('quickstart/shards')) sources.push(name)
}

const steps = 20
const [rows, length] = [8, 32]

let fixture: Awaited<ReturnType<typeof makeShards>>
let runs: string
beforeAll(async () => {
  runs = await mkdtemp(join(tmpdir(), 'gradus-sources-'))
  fixture = await makeShards([await sentences(4)], {
    heldOut: 0.1,
    metrics: ['compression-ratio', 'mtld', 'flesch'],
  })
})
afterAll(async () => {
  await rm(runs, { recursive: true })
  await fixture.remove()
})

test('there is a graph for each source', () => {
  expect(sources.length).toBeGreaterThanOrEqual(14)
})

test.each(sources)('%s trains for 20 steps on tiny shards, and says where it is from', async (name) => {
  const yaml = await readFile(join(folder, name), 'utf8')
  const [, comment] = yaml.split('\n')
  expect(comment).toMatch(/^# .*(arXiv|PR|[Ii]ssue|poster)/)
  const to = join(runs, name)
  const set = (stage: string, option: string, value: unknown): Assignment => {
    return { path: ['stages', stage, 'with', option], value }
  }
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
