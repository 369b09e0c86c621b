import { appendFile, readdir, readFile, stat, truncate } from 'node:fs/promises'
import { join } from 'node:path'
import type { z } from 'zod'
import { orderColumns } from '../../../schemas/order.ts'
import { order } from '../../../stages/curriculum/order.ts'
import { pack } from '../../../stages/curriculum/pack.ts'
import { openShards } from '../../../stages/shards/open-shards.ts'
import type { Batch } from '../../../stages/training/messages.ts'
import { collect } from '../shards/corpus.ts'
import { type Document, makeShards, readDocuments, recordingContext, sentences } from './shards-fixture.ts'

type OrderGiven = z.input<typeof order.options>

/** The tokenizers that the fixture trains have `<|endoftext|>` first. */
const separator = 0
const shape = { rows: 4, length: 32 }

let fixture: Awaited<ReturnType<typeof makeShards>>
let documents: Map<string, Document>
let units: string[][]

beforeAll(async () => {
  const texts = await sentences(4)
  units = [texts.slice(0, 40), texts.slice(40, 60), texts.slice(60)]
  fixture = await makeShards(units, { heldOut: 0.1, metrics: ['mtld'] })
  documents = new Map((await readDocuments(fixture.shards)).map((document) => [place(document), document]))
})
afterAll(() => fixture.remove())

const place = ({ part, row }: { part: number; row: number }) => `${part}:${row}`

async function ordered(given: OrderGiven) {
  const { context } = recordingContext(order.options.parse({ difficulty: { mtld: 1 }, ...given }))
  return collect(order.run((await openShards(fixture.shards)).scores(), context))
}

async function run(given: OrderGiven, packing: z.input<typeof pack.options> = shape) {
  const { context, counts, sentences } = recordingContext(pack.options.parse(packing))
  const batches = await ordered(given)
  async function* stream() {
    yield* batches
  }
  return { batches: await collect(pack.run(stream(), context)), ordered: batches, counts, sentences }
}

/** Inputs and targets of batches, row after row. */
function predictions(batches: readonly Batch[]): { inputs: number[]; targets: number[]; owners: number[] } {
  const inputs: number[] = []
  const targets: number[] = []
  const owners: number[] = []
  for (const { tokens, documents, rows, length } of batches) {
    for (let row = 0; row < rows; row++) {
      const first = row * (length + 1)
      inputs.push(...tokens.subarray(first, first + length))
      targets.push(...tokens.subarray(first + 1, first + length + 1))
      owners.push(...documents.subarray(first + 1, first + length + 1))
    }
  }
  return { inputs, targets, owners }
}

async function stores(): Promise<string[]> {
  const folder = join(fixture.shards, 'orders')
  return (await readdir(folder)).filter((name) => name.endsWith('.tokens')).map((name) => join(folder, name))
}

describe('pack', () => {
  it('predicts every token of the ordered documents once, separators between them, up to the last whole batch', async () => {
    const { batches, ordered, counts } = await run({ order: 'phases', groups: 3, tokens: 60_000 })
    const rows = ordered.flatMap((batch) => {
      const { part, row } = orderColumns(batch)
      return Array.from(part, (part, i) => documents.get(place({ part, row: row[i] })) as Document)
    })
    const stream = rows.flatMap(({ tokens }, owner) =>
      [...tokens, separator].map((token) => ({ token, owner })),
    )
    const steps = Math.floor(60_000 / (4 * 32))
    expect(batches.length).toBe(steps)
    expect(counts).toMatchObject({ batches: steps })
    const count = steps * 4 * 32
    const { inputs, targets, owners } = predictions(batches)
    expect(inputs).toEqual(stream.slice(0, count).map(({ token }) => token))
    expect(targets).toEqual(stream.slice(1, count + 1).map(({ token }) => token))
    expect(owners).toEqual(stream.slice(1, count + 1).map(({ owner }) => owner))
    expect(rows.some(({ heldOut }) => heldOut)).toBe(false)
    // Some go on over several rows.
    expect(Math.max(...rows.map(({ tokens }) => tokens.length))).toBeGreaterThan(3 * shape.length)
  })

  it('describes each batch: step, shape, hardness, phase, tokenizer', async () => {
    const { batches } = await run({ order: 'warm-up', share: 0.2, until: 0.5 })
    batches.forEach((batch, step) => {
      expect(batch).toMatchObject({ step, steps: batches.length, ...shape })
      expect(batch.corpus).toEqual({ shards: fixture.shards, vocabulary: 600, endOfText: separator })
    })
    const mean = (values: readonly Batch[]) => {
      const all = values.flatMap(({ hardness }) => [...hardness])
      return all.reduce((sum, hard) => sum + hard, 0) / all.length
    }
    const half = Math.floor(batches.length / 2)
    expect(mean(batches.slice(0, half - 2))).toBeLessThan(0.25)
    expect(mean(batches.slice(half + 2))).toBeGreaterThan(0.4)
    expect(batches.flatMap(({ phases }) => [...phases])).toEqual(
      batches.flatMap(({ phases }) => [...phases]).sort((a, b) => a - b),
    )
    expect(batches[batches.length - 1].phases[3]).toBe(1)
  })

  it('takes all of a budget that whole batches make up, to the last token', async () => {
    const { batches } = await run({ tokens: 10 * 4 * 32 })
    expect(batches.length).toBe(10)
  })

  it('lets sequences grow: batches of as many tokens, each token predicted once and in the same order', async () => {
    const grow = { from: 8, until: 0.5 }
    const [even, grown] = [await run({ tokens: 4000 }), await run({ tokens: 4000 }, { ...shape, grow })]
    const flat = ({ inputs, targets, owners }: ReturnType<typeof predictions>) => [inputs, targets, owners]
    expect(flat(predictions(grown.batches))).toEqual(flat(predictions(even.batches)))
    const lengths = grown.batches.map(({ length }) => length)
    expect([...new Set(lengths)]).toEqual([8, 16, 32])
    for (const { rows, length, hardness, phases, tokens } of grown.batches) {
      expect([rows * length, hardness.length, phases.length, tokens.length]).toEqual([
        128,
        rows,
        rows,
        rows * (length + 1),
      ])
    }
    expect(new Set([even, grown].flatMap(({ batches }) => batches.map(({ stream }) => stream))).size).toBe(2)
  })

  it.each([{ from: 33 }, { from: 12 }])('refuses sequences that no batch holds: %j', (grow) => {
    const { error } = pack.options.safeParse({ ...shape, grow })
    expect(error?.issues[0].path).toEqual(['grow', 'from'])
    expect(error?.issues[0].message).toContain('128 tokens')
  })

  it('gives the same batches for a seed and others for another', async () => {
    const first = await run({ tokens: 3000, seed: 1 })
    expect((await run({ tokens: 3000, seed: 1 })).batches).toEqual(first.batches)
    expect((await run({ tokens: 3000, seed: 2 })).batches).not.toEqual(first.batches)
  })

  it('begins at any step with the batch that the whole run has there, at the last one at most', async () => {
    const { batches } = await run({ tokens: 3000 })
    for (const from of [1, 17, 22, 23, 99]) {
      const { batches: rest } = await run({ tokens: 3000 }, { ...shape, from })
      expect(rest).toEqual(batches.slice(Math.min(from, 22)))
    }
  })

  it('names the stream that batches come from: the same for the same documents, order and shape', async () => {
    const streamOf = async (...parameters: Parameters<typeof run>) => {
      const names = new Set((await run(...parameters)).batches.map(({ stream }) => stream))
      expect(names.size).toBe(1)
      return [...names][0]
    }
    const streams = [
      await streamOf({ tokens: 3000 }),
      await streamOf({ tokens: 3000, seed: 2 }),
      await streamOf({ tokens: 3000 }, { rows: 2, length: 64 }),
      await streamOf({ tokens: 2900 }),
    ]
    expect(new Set(streams).size).toBe(4)
    expect(await streamOf({ tokens: 3000 }, { ...shape, from: 5 })).toBe(streams[0])
  })

  it('lays the tokens out once for all orders', async () => {
    await run({ tokens: 500 })
    const [path, ...others] = await stores()
    expect(others).toEqual([])
    const { mtimeMs } = await stat(path)
    const { sentences } = await run({ order: 'ascending', tokens: 700, seed: 9 })
    expect(sentences).toEqual([])
    expect(await stores()).toEqual([path])
    expect((await stat(path)).mtimeMs).toBe(mtimeMs)
  })

  it.each([
    ['cut short', (path: string) => truncate(path, 1000)],
    ['too long', (path: string) => appendFile(path, 'x')],
  ])('lays the tokens out anew where the file is %s', async (_, damage) => {
    const whole = await run({ tokens: 3000 })
    const [path] = await stores()
    const bytes = await readFile(path)
    await damage(path)
    expect((await run({ tokens: 3000 })).batches).toEqual(whole.batches)
    expect(await readFile(path)).toEqual(bytes)
  })

  it('refuses an order with fewer tokens than a batch', async () => {
    await expect(run({ tokens: 127 })).rejects.toThrow(
      /has 127 tokens to predict, fewer than a batch of 4 rows of 32/,
    )
    expect((await run({ tokens: 128 })).batches.length).toBe(1)
  })

  it('lays the tokens of changed shards out anew, and removes the old ones', async () => {
    await run({ tokens: 500 })
    const [before] = await stores()
    const changed = [
      units[0],
      units[1],
      ['A document that was not there before. It is short, but has words.'],
    ]
    await fixture.rescore(
      changed.map((texts, index) => ({ key: index === 2 ? 'changed' : `${index}`, texts })),
    )
    await run({ tokens: 500 })
    const after = await stores()
    expect(after.length).toBe(1)
    expect(after[0]).not.toBe(before)
  })
})
