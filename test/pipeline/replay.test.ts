import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { loadGraph } from '../../pipeline/graph/load.ts'
import type { Assignment } from '../../pipeline/graph/parse.ts'
import { run } from '../../pipeline/run.ts'
import type { Evaluation, StepRecord } from '../../schemas/run-record.ts'
import { orderColumns, orderReport } from '../../schemas/order.ts'
import { readArrowFile } from '../../stages/shards/arrow-file-reader.ts'
import { makeShards, sentences } from '../stages/curriculum/shards-fixture.ts'

const steps = 20
const [rows, length] = [8, 32]

let fixture: Awaited<ReturnType<typeof makeShards>>
let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'gradus-replay-'))
  const texts = await sentences(8)
  fixture = await makeShards([texts.slice(0, 200), texts.slice(200)], {
    sources: ['old/a.txt', 'new/b.txt'],
    heldOut: 0.1,
  })
})
afterAll(async () => {
  await rm(folder, { recursive: true })
  await fixture.remove()
})

const set = (stage: string, option: string, value: unknown): Assignment => {
  return { path: ['stages', stage, 'with', option], value }
}

/** Trains along the graph, tiny, and returns what it recorded. */
async function train(to: string, changes: readonly Assignment[]) {
  const graph = await loadGraph('pipeline/graphs/replay.yaml', [
    set('read', 'shards', fixture.shards),
    set('order', 'tokens', steps * rows * length),
    set('pack', 'rows', rows),
    set('pack', 'length', length),
    set('optimize', 'peak', 0.02),
    set('optimize', 'warm-up', 4),
    set('evaluate', 'tokens', 512),
    set('checkpoint', 'to', to),
    set('record', 'to', to),
    ...changes,
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
  return {
    records: await lines<StepRecord>('steps.jsonl'),
    evaluations: await lines<Evaluation>('evaluations.jsonl'),
  }
}

/** Tokens of the documents of the orders with such a mixture, by part: 0 is old text, 1 is new. */
async function tokensByPart(shares: object): Promise<number[]> {
  const tokens = [0, 0]
  for (const name of await readdir(join(fixture.shards, 'orders'))) {
    if (!name.endsWith('.arrow')) continue
    for await (const batch of readArrowFile(join(fixture.shards, 'orders', name))) {
      const { mixture } = orderReport(batch.schema).options as { mixture?: { shares: object } }
      if (JSON.stringify(mixture?.shares) !== JSON.stringify(shares)) continue
      const columns = orderColumns(batch)
      columns.part.forEach((part, i) => (tokens[part] += columns.tokens[i] + 1))
    }
  }
  return tokens
}

test('a run goes on with new text from the model and the learning rate of another, and replays a twentieth of the old', async () => {
  const [old, next] = ['old', 'new'].map((name) => join(folder, name))
  const before = await train(old, [
    set('order', 'mixture', { shares: { old: 1 } }),
    { path: ['stages', 'forward', 'with'], value: { dim: 16, layers: 1, heads: 2 } },
    set('optimize', 'final', 0.1),
  ])
  expect(await tokensByPart({ old: 1 })).toEqual([expect.any(Number), 0])
  const after = await train(next, [set('forward', 'from', old)])

  const [oldTokens, newTokens] = await tokensByPart({ new: 0.95, old: 0.05 })
  // A document of some 30 tokens more or less, of 5120.
  expect(oldTokens / (oldTokens + newTokens)).toBeCloseTo(0.05, 1.8)
  expect(after.evaluations[0].bitsPerByte).toBeCloseTo(before.evaluations.at(-1)?.bitsPerByte as number, 9)
  expect(after.evaluations.at(-1)?.bitsPerByte).toBeLessThan(after.evaluations[0].bitsPerByte)
  expect(after.records).toHaveLength(steps)
  // A line of four steps from a tenth of the peak 0.02, which the old run ended at, to the peak.
  expect(after.records.slice(0, 4).map(({ learningRate }) => learningRate)).toEqual(
    [0.0065, 0.011, 0.0155, 0.02].map((rate) => expect.closeTo(rate, 12) as number),
  )
})
