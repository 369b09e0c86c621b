import { cp, readFile, readdir, rm, stat, truncate } from 'node:fs/promises'
import { join } from 'node:path'
import type { RecordBatch } from 'apache-arrow'
import { z } from 'zod'
import { orderColumns, orderReport } from '../../../schemas/order.ts'
import { metricValues } from '../../../schemas/scored.ts'
import { scoreColumns } from '../../../schemas/shard.ts'
import { UserError } from '../../../schemas/user-error.ts'
import { order } from '../../../stages/curriculum/order.ts'
import { openShards } from '../../../stages/shards/open-shards.ts'
import { collect } from '../shards/corpus.ts'
import { type Document, makeShards, readDocuments, recordingContext, sentences } from './shards-fixture.ts'

type Given = z.input<typeof order.options>

let fixture: Awaited<ReturnType<typeof makeShards>>
let documents: Document[]
let trainable: Document[]
const place = ({ part, row }: { part: number; row: number }) => `${part}:${row}`

beforeAll(async () => {
  const texts = await sentences(8)
  const third = Math.ceil(texts.length / 3)
  const units = [texts.slice(0, third), [...texts.slice(third, 2 * third), ''], texts.slice(2 * third)]
  fixture = await makeShards(units, { heldOut: 0.2, metrics: ['compression-ratio', 'mtld'] })
  documents = await readDocuments(fixture.shards)
  trainable = documents.filter(({ heldOut, tokens }) => !heldOut && tokens.length > 0)
})
afterAll(() => fixture.remove())

async function* scoresOf(folder: string, rows = Infinity): AsyncGenerator<RecordBatch> {
  for await (const batch of (await openShards(folder)).scores()) {
    for (let from = 0; from < batch.numRows; from += rows) yield batch.slice(from, from + rows)
  }
}

async function run(given: Given, { folder = fixture.shards, rows = Infinity } = {}) {
  const { context, counts, sentences } = recordingContext(order.options.parse(given))
  const batches = await collect(order.run(scoresOf(folder, rows), context))
  const placed = batches.flatMap((batch) => {
    const columns = orderColumns(batch)
    return Array.from(columns.part, (part, i) => ({
      part,
      row: columns.row[i],
      tokens: columns.tokens[i],
      hardness: columns.hardness[i],
      phase: columns.phase[i],
    }))
  })
  return { placed, counts, sentences, report: orderReport(batches[0].schema) }
}

const difficulty = { mtld: 1 }
const orderFiles = async () =>
  (await readdir(join(fixture.shards, 'orders'))).filter((name) => name.endsWith('.arrow'))

describe('order', () => {
  it('reads every trainable document once by default, and no held-out or empty one', async () => {
    const { placed, counts, report } = await run({})
    expect(placed.map(place).sort()).toEqual(trainable.map(place).sort())
    const heldOut = documents.filter((document) => document.heldOut).length
    expect(heldOut).toBeGreaterThan(50)
    expect(counts).toMatchObject({
      'dropped: held out': heldOut,
      'dropped: without a token': 1,
      documents: trainable.length,
      'expected documents': trainable.length,
      repeats: 0,
      coverage: 1,
    })
    // Every token and separator but the first is predicted.
    expect(report.tokens).toBe(trainable.reduce((sum, { tokens }) => sum + tokens.length + 1, -1))
  })

  it('says of each document how many tokens it has', async () => {
    const lengths = new Map(documents.map((document) => [place(document), document.tokens.length]))
    const { placed } = await run({ tokens: 5000 })
    expect(placed.map(({ tokens }) => tokens)).toEqual(placed.map((document) => lengths.get(place(document))))
  })

  it('covers a budget larger than the corpus, and reports repeats and coverage', async () => {
    const { report } = await run({})
    const { placed, counts } = await run({ tokens: 3 * report.tokens, order: 'phases', difficulty })
    const covered = placed.reduce((sum, { tokens }) => sum + tokens + 1, 0)
    expect(covered).toBeGreaterThan(3 * report.tokens)
    expect(counts.repeats).toBe(placed.length - new Set(placed.map(place)).size)
    expect(counts.coverage).toBe(new Set(placed.map(place)).size / trainable.length)
    expect(new Set(placed.map(({ phase }) => phase)).size).toBe(10)
  })

  it('ascends from the metric’s easy end to its hard one', async () => {
    const values = new Map<string, number>()
    for await (const batch of scoresOf(fixture.shards)) {
      const { parts, rows } = scoreColumns(batch)
      metricValues(batch, 'compression-ratio').values.forEach((value, i) => {
        values.set(place({ part: parts[i], row: rows[i] }), value)
      })
    }
    // A high compression ratio is repetitive, so easy.
    const { placed } = await run({ order: 'ascending', difficulty: { 'compression-ratio': 1 } })
    const ratios = placed.map((document) => values.get(place(document)) as number)
    expect(ratios).toEqual([...ratios].sort((a, b) => b - a))
    expect(placed[0].hardness).toBe(0)
    expect(placed[placed.length - 1].hardness).toBe(1)
    const descending = await run({ order: 'descending', difficulty: { 'compression-ratio': 1 } })
    expect(descending.placed.map(place)).toEqual(placed.map(place).reverse())
  })

  it('at random does not depend on difficulty, which it still tells', async () => {
    const [one, other] = await Promise.all(
      ['mtld', 'compression-ratio'].map((name) => run({ order: 'random', difficulty: { [name]: 1 } })),
    )
    expect(one.placed.map(place)).toEqual(other.placed.map(place))
    expect(one.placed.map(({ hardness }) => hardness)).not.toEqual(
      other.placed.map(({ hardness }) => hardness),
    )
  })

  it('is the same file whatever the sizes of the batches it is made from', async () => {
    const given: Given = { order: 'warm-up', difficulty, tokens: 9000, seed: 4 }
    const before = await orderFiles()
    await run(given)
    const [made] = (await orderFiles()).filter((name) => !before.includes(name))
    const path = join(fixture.shards, 'orders', made)
    const bytes = await readFile(path)
    await rm(path)
    await run(given, { rows: 7 })
    expect(await readFile(path)).toEqual(bytes)
  })

  it('makes an order once, and finds it again by what it is made of', async () => {
    const given: Given = { order: 'ascending', difficulty, tokens: 4000 }
    const first = await run(given)
    const files = await orderFiles()
    const times = await Promise.all(files.map((name) => stat(join(fixture.shards, 'orders', name))))
    const second = await run({ ...given, difficulty: { mtld: 1, 'compression-ratio': 0 } })
    expect(second.placed).toEqual(first.placed)
    expect(second.counts).toEqual(first.counts)
    expect(first.sentences).toEqual([])
    expect(second.sentences).toEqual([expect.stringContaining('reused')])
    expect(await orderFiles()).toEqual(files)
    const after = await Promise.all(files.map((name) => stat(join(fixture.shards, 'orders', name))))
    expect(after.map(({ mtimeMs }) => mtimeMs)).toEqual(times.map(({ mtimeMs }) => mtimeMs))
    await run({ ...given, seed: 2 })
    expect((await orderFiles()).length).toBe(files.length + 1)
  })

  it('makes an order that is damaged, or lies under the name of another, anew', async () => {
    const before = await orderFiles()
    const given: Given = { tokens: 4321 }
    const { placed } = await run(given)
    const [made] = (await orderFiles()).filter((name) => !before.includes(name))
    const path = join(fixture.shards, 'orders', made)
    const bytes = await readFile(path)
    for (const spoil of [
      () => truncate(path, 100),
      () => cp(join(fixture.shards, 'orders', before[0]), path),
    ]) {
      await spoil()
      const again = await run(given)
      expect(again.sentences).toEqual([`The order \`${path}\` is damaged and is made anew.`])
      expect(again.placed).toEqual(placed)
      expect(await readFile(path)).toEqual(bytes)
    }
  })

  it('names the metrics that are there and the command that adds one that is not', async () => {
    const error = await run({ order: 'ascending' }).catch((error: unknown) => error)
    expect(error).toBeInstanceOf(UserError)
    expect((error as Error).message).toContain('have compression-ratio, mtld, but not flesch')
    expect((error as Error).message).toContain('--metrics compression-ratio,mtld,flesch')
  })

  it.each([
    ['ngram-perplexity', 'but not ngram-perplexity'],
    ['best-signals', 'but not flesch'],
  ])('takes a difficulty by its name, and names what the shards lack of %s', async (difficulty, lack) => {
    await expect(run({ order: 'tent', difficulty })).rejects.toThrow(lack)
    const one = await run({ order: 'tent', difficulty: 'mtld', tokens: 5000 })
    expect(one.placed).toEqual((await run({ order: 'tent', difficulty: { mtld: 3 }, tokens: 5000 })).placed)
  })

  it('cuts no more groups than there are documents', async () => {
    const groups = trainable.length
    expect((await run({ order: 'phases', groups, difficulty })).placed.length).toBeGreaterThan(0)
    await expect(run({ order: 'phases', groups: groups + 1, difficulty })).rejects.toThrow(UserError)
    await expect(run({ order: 'folding', segments: groups + 1, difficulty })).rejects.toThrow(/segments/)
  })

  it('says so where all documents are held out', async () => {
    const { shards, remove } = await makeShards([['A document.', 'And another one.']], { heldOut: 0.9999 })
    try {
      await expect(run({}, { folder: shards })).rejects.toThrow(/hold no document to train on/)
    } finally {
      await remove()
    }
  })
})

describe('the options of order', () => {
  it.each<[string, unknown, string]>([
    ['an unknown order', { order: 'sideways' }, 'order'],
    ['a negative weight', { difficulty: { mtld: -1 } }, 'difficulty'],
    ['weights that are all zero', { difficulty: { mtld: 0 } }, 'difficulty'],
    ['a setting of another order', { order: 'random', groups: 4 }, 'groups'],
    ['a progress outside [0, 1]', { order: 'tent', peak: 1.2 }, 'peak'],
    ['a pool that never grows', { order: 'cyclical', alpha: 1 }, 'alpha'],
    ['a share above one', { order: 'warm-up', share: 1.5 }, 'share'],
    ['a budget of no tokens', { tokens: 0 }, 'tokens'],
  ])('refuse %s', (_, given, option) => {
    const { error } = order.options.safeParse(given)
    expect(error?.issues[0].path[0]).toBe(option)
  })

  it('say of a weight below zero where it stands and what is wrong', () => {
    const [issue] = order.options.safeParse({ difficulty: { mtld: -1, flesch: 1 } }).error?.issues ?? []
    expect(issue).toMatchObject({ path: ['difficulty', 'mtld'], message: 'a weight must not be below zero' })
  })

  it('have a JSON Schema, for editors', () => {
    expect(Object.keys(z.toJSONSchema(order.options).properties ?? {})).toContain('pacing')
  })
})
