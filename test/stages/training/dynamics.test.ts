import { appendFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as tf from '@tensorflow/tfjs-core'
import { dynamicsColumns, type DynamicsColumns } from '../../../schemas/dynamics.ts'
import { orderColumns } from '../../../schemas/order.ts'
import { metricColumns, metricValues } from '../../../schemas/scored.ts'
import { scoreColumns } from '../../../schemas/shard.ts'
import { UserError } from '../../../schemas/user-error.ts'
import { addDynamics } from '../../../stages/curriculum/add-dynamics.ts'
import { order } from '../../../stages/curriculum/order.ts'
import { pack } from '../../../stages/curriculum/pack.ts'
import { readArrowFile } from '../../../stages/shards/arrow-file-reader.ts'
import { openShards } from '../../../stages/shards/open-shards.ts'
import { backward } from '../../../stages/training/backward.ts'
import { documentSums, type DocumentSums } from '../../../stages/training/document-sums.ts'
import { forward } from '../../../stages/training/forward.ts'
import { jsonLines } from '../../../stages/training/json-lines.ts'
import type { Batch, Forwarded, Gradients, Selected } from '../../../stages/training/messages.ts'
import { ohem } from '../../../stages/training/ohem.ts'
import { recordDynamics } from '../../../stages/training/record-dynamics.ts'
import { sLoss } from '../../../stages/training/s-loss.ts'
import { makeShards, sentences } from '../curriculum/shards-fixture.ts'
import { collect, streamOf } from '../shards/corpus.ts'
import { context, said } from './small-run.ts'

let fixture: Awaited<ReturnType<typeof makeShards>>
let folder: string
let hashes: Map<string, bigint>
/** One and a half times what there is to train on. */
let batches: Batch[]

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'gradus-dynamics-'))
  const texts = await sentences(2)
  fixture = await makeShards([texts.slice(0, 20), texts.slice(20, 40)], { heldOut: 0.1, metrics: ['mtld'] })
  hashes = new Map()
  for await (const batch of (await openShards(fixture.shards)).scores()) {
    const { parts, rows, hashes: own } = scoreColumns(batch)
    own.forEach((hash, i) => hashes.set(`${parts[i]}:${rows[i]}`, hash))
  }
  const once = await orderOf({})
  const tokens = once.reduce((sum, { tokens }) => sum + tokens + 1, 0)
  const ordered = order.run(scores(), context(order, { order: 'random', tokens: Math.round(1.5 * tokens) }))
  batches = await collect(pack.run(ordered, context(pack, { rows: 4, length: 32 })))
})
afterAll(async () => {
  await fixture.remove()
  await rm(folder, { recursive: true })
})

async function* scores() {
  yield* (await openShards(fixture.shards)).scores()
}

async function orderOf(given: object, from = scores()) {
  const ordered = await collect(order.run(from, context(order, { order: 'random', ...given })))
  return ordered.flatMap((batch) => {
    const { part, row, tokens } = orderColumns(batch)
    return Array.from(part, (_, i) => ({
      hash: hashes.get(`${part[i]}:${row[i]}`) as bigint,
      tokens: tokens[i],
    }))
  })
}

interface Seen {
  readonly batch: Batch
  readonly losses: Float32Array
}

/** Forward passes of a small model through the stage, up to a batch. @returns what came out of it. */
async function run(to: string, some: readonly Batch[], until = Infinity): Promise<Seen[]> {
  const forwarded = forward.run(streamOf(some), context(forward, { dim: 16, layers: 1, heads: 2 }))
  const seen: Seen[] = []
  for await (const { batch, losses } of recordDynamics.run(forwarded, context(recordDynamics, { to }))) {
    seen.push({ batch, losses: (await losses.data()) as Float32Array })
    if (batch.step === until) break
  }
  return seen
}

async function dynamicsIn(run: string): Promise<DynamicsColumns> {
  const [batch, ...others] = await collect(readArrowFile(join(run, 'dynamics.arrow')))
  expect(others).toEqual([])
  return dynamicsColumns(batch)
}

test('sums of a batch are over the targets of each document, wherever its rows are cut', () => {
  const documents = Int32Array.of(4, 4, 4, 5, 5, 5, 6, 6)
  const ln4 = Math.log(4)
  // Targets of row 0: 4, 4, 5; of row 1: 5, 6, 6.
  const losses = Float32Array.of(0, ln4, 2, 0, ln4, ln4)
  const sums = documentSums({ step: 3, rows: 2, length: 3, documents }, losses)
  expect(sums).toMatchObject({ step: 3, documents: [4, 5, 6], tokens: [2, 2, 2], correct: [1, 1, 0] })
  expect(sums.loss[2]).toBeCloseTo(2 * ln4, 6)
  sums.probability.forEach((sum, i) => expect(sum).toBeCloseTo([1.25, 1 + Math.exp(-2), 0.5][i], 6))
})

describe('record-dynamics', () => {
  it('writes each reading of a document with its means over all of its targets', async () => {
    // The first run of all chooses what computes.
    await run(join(folder, 'first'), batches.slice(0, 1))
    const before = tf.memory().numTensors
    const to = join(folder, 'whole')
    const seen = await run(to, batches)
    expect(tf.memory().numTensors).toBe(before)
    expect(seen.map(({ batch }) => batch)).toEqual(batches)

    const targets = new Map<number, number[]>()
    for (const { batch, losses } of seen) {
      losses.forEach((loss, i) => {
        const document = batch.documents[i + Math.floor(i / batch.length) + 1]
        targets.set(document, [...(targets.get(document) ?? []), loss])
      })
    }
    const mean = (values: number[]) => values.reduce((a, b) => a + b, 0) / values.length
    const { parts, rows } = batches[0].places as NonNullable<Batch['places']>
    const columns = await dynamicsIn(to)
    const read = [...targets.keys()].sort((a, b) => a - b)
    expect([...columns.hash]).toEqual(
      read.map((document) => hashes.get(`${parts[document]}:${rows[document]}`)),
    )
    expect([...columns.epoch]).toEqual(
      [...columns.hash].map(
        (hash, i) => columns.hash.subarray(0, i).filter((earlier) => earlier === hash).length,
      ),
    )
    expect(Math.max(...columns.epoch)).toBe(1)
    read.forEach((document, i) => {
      const losses = targets.get(document) as number[]
      expect(columns.tokens[i]).toBe(losses.length)
      expect(columns.loss[i]).toBeCloseTo(mean(losses), 9)
      expect(columns.probability[i]).toBeCloseTo(mean(losses.map((loss) => Math.exp(-loss))), 9)
      expect(columns.correct[i]).toBe(mean(losses.map((loss) => Number(Math.exp(-loss) > 0.5))))
    })
  })

  it('writes the same bytes after a run was cut off and went on from an earlier batch', async () => {
    const to = join(folder, 'resumed')
    await run(to, batches, 7)
    await appendFile(join(to, 'dynamics.jsonl'), '{"step":8,"docum')
    await run(to, batches.slice(4))
    for (const name of ['dynamics.arrow', 'dynamics.jsonl']) {
      expect(await readFile(join(to, name))).toEqual(await readFile(join(folder, 'whole', name)))
    }
  })

  it('keeps the last batch as it was when it comes again with no update left to make', async () => {
    const to = join(folder, 'resumed')
    const whole = await readFile(join(to, 'dynamics.arrow'))
    await rm(join(to, 'dynamics.arrow'))
    const last = batches[batches.length - 1]
    await run(to, [{ ...last, tokens: last.tokens.map(() => 1) }])
    expect(await readFile(join(to, 'dynamics.arrow'))).toEqual(whole)
  })

  it('says so where batches before those of the run that goes on are missing', async () => {
    await expect(run(join(folder, 'gap'), batches.slice(4))).rejects.toThrow(
      /dynamics\.jsonl` has whole lines up to batch 0 only, and the run goes on with batch 4/,
    )
  })
})

describe('record-dynamics with early-cutting', () => {
  /** What a small model's forward and backward passes over some batches write, kept rows chosen by `select`. */
  async function runBoth(
    to: string,
    some: readonly Batch[],
    select: (items: AsyncIterable<Forwarded>) => AsyncIterable<Forwarded | Selected>,
    read?: (gradients: Gradients) => Promise<void>,
  ) {
    const forwarded = forward.run(
      streamOf(some),
      context(forward, { dim: 16, layers: 2, heads: 2, tied: false }),
    )
    const recorded = recordDynamics.run(forwarded, context(recordDynamics, { to, 'early-cutting': true }))
    for await (const gradients of backward.run(select(recorded), context(backward, {})))
      await read?.(gradients)
    return collect(jsonLines<DocumentSums>(join(to, 'dynamics.jsonl')))
  }
  const all = (items: AsyncIterable<Forwarded>) => items

  it('has the norm of the gradient by each input, as that of its row of the embedding says where a token comes once', async () => {
    const [rows, length] = [2, 10]
    const tokens = Int32Array.from({ length: rows * (length + 1) }, (_, i) => i)
    const documents = tokens.map((i) => Math.floor(i / 4))
    const batch = { ...batches[0], rows, length, tokens, documents }
    const norms: number[] = []
    const [{ record }] = await runBoth(join(folder, 'once'), [batch], all, async ({ gradients }) => {
      const gradient = gradients.get('model.embed_tokens.weight') as tf.Tensor
      const values = await gradient.data()
      for (let row = 0; row < 22; row++)
        norms.push(20 * Math.hypot(...values.subarray(16 * row, 16 * (row + 1))))
    })
    // Tokens 10 and 21 are targets only.
    const inputs = [...tokens].filter((token) => token !== 10 && token !== 21)
    expect(norms.filter((norm) => norm > 0)).toHaveLength(20)
    expect(record.documents).toEqual([0, 1, 2, 3, 4, 5])
    expect(record.inputs).toEqual([4, 4, 3, 4, 4, 1])
    record.documents.forEach((document, i) => {
      const own = inputs.filter((token) => documents[token] === document)
      const sum = own.reduce((sum, token) => sum + norms[token], 0)
      expect(Math.abs((record.gradient?.[i] as number) / sum - 1)).toBeLessThan(1e-5)
    })
  })

  it('knows nothing of the gradients of rows that were left out, and the same as ever of the others', async () => {
    const keep = { keep: 0.5, granularity: 'sequence' } as const
    const select = (items: AsyncIterable<Forwarded>) => ohem.run(items, context(ohem, keep))
    // Two documents in each of the four rows.
    const documents = batches[0].documents.map((_, i) => 2 * Math.floor(i / 33) + Number(i % 33 > 16))
    const some = [{ ...batches[0], documents }]
    const [{ record: whole }] = await runBoth(join(folder, 'all-rows'), some, all)
    const [{ record: half }] = await runBoth(join(folder, 'half'), some, select)
    const inputs = half.inputs as readonly number[]
    const places = [...half.documents.keys()].filter((i) => inputs[i] === whole.inputs?.[i])
    expect(inputs.reduce((a, b) => a + b, 0)).toBe(64)
    expect(places).toHaveLength(4)
    for (const i of places) expect(half.gradient?.[i]).toBeCloseTo(whole.gradient?.[i] as number, 4)
    expect({ ...half, inputs: 0, gradient: 0 }).toEqual({ ...whole, inputs: 0, gradient: 0 })
  })

  it('is not moved by the weights of S-Loss, and knows nothing where they are zero', async () => {
    const documents = batches[0].documents.map((_, i) => 2 * Math.floor(i / 33) + Number(i % 33 > 16))
    // Steep at the beginning: nothing, 8.5, 21, 8.5.
    const some = [{ ...batches[0], documents, hardness: Float32Array.of(0, 0.5, 1, 0.5) }]
    const select = (items: AsyncIterable<Forwarded>) => sLoss.run(items, context(sLoss, { form: 'steep' }))
    const [{ record: whole }] = await runBoth(join(folder, 'unweighted'), some, all)
    const [{ record: weighted }] = await runBoth(join(folder, 'weighted'), some, select)
    expect(weighted.inputs).toEqual([0, 0, ...(whole.inputs as number[]).slice(2)])
    weighted.gradient?.forEach((sum, i) => {
      if (i > 1) expect(Math.abs(sum / (whole.gradient?.[i] as number) - 1)).toBeLessThan(1e-4)
    })
  })

  it('adds both to each reading, whole or gone on from an earlier batch', async () => {
    const [to, resumed] = ['signals', 'signals-resumed'].map((name) => join(folder, name))
    const before = tf.memory().numTensors
    await runBoth(to, batches, all)
    expect(tf.memory().numTensors).toBe(before)
    await runBoth(resumed, batches.slice(0, 6), all)
    await runBoth(resumed, batches.slice(4), all)
    for (const name of ['dynamics.arrow', 'dynamics.jsonl'])
      expect(await readFile(join(resumed, name))).toEqual(await readFile(join(to, name)))
    const { largest, gradient, probability, ...columns } = await dynamicsIn(to)
    expect(largest).toHaveLength(columns.hash.length)
    // The true token is the likeliest one at most.
    largest?.forEach((value, i) => expect(value).toBeGreaterThanOrEqual(probability[i]))
    expect(Math.min(...(gradient as Float64Array))).toBeGreaterThan(0)
  })
})

describe('add-dynamics', () => {
  const added = (given: string) => addDynamics.run(scores(), context(addDynamics, { run: given }))

  it('gives the scores four metrics, by which documents can be ordered', async () => {
    const run = join(folder, 'whole')
    const { hash, probability } = await dynamicsIn(run)
    const confidenceOf = (document: bigint) => {
      const own = [...probability].filter((_, i) => hash[i] === document)
      return own.reduce((a, b) => a + b, 0) / own.length
    }
    const [batch] = await collect(added(run))
    expect(metricColumns(batch.schema)).toMatchObject([
      { name: 'mtld' },
      { name: 'confidence', hardEnd: 'low' },
      { name: 'variability', hardEnd: 'high' },
      { name: 'correctness', hardEnd: 'low' },
      { name: 'forgetfulness', hardEnd: 'high' },
    ])
    const ordered = await orderOf({ order: 'ascending', difficulty: 'confidence' }, added(run))
    const confidences = ordered.map(({ hash }) => confidenceOf(hash))
    expect(confidences).toEqual([...confidences].sort((a, b) => b - a))
    expect(new Set(confidences).size).toBeGreaterThan(20)
  })

  it('counts documents that the run did not read as the mean of those that it read, and says how many', async () => {
    const run = join(folder, 'whole')
    const { hash } = await dynamicsIn(run)
    const read = new Set(hash)
    const unread = [...hashes.values()].filter((document) => !read.has(document))
    expect(unread.length).toBeGreaterThan(0)
    said.length = 0
    const values = new Map<bigint, { value: number; flag: number }>()
    for await (const batch of added(run)) {
      const { values: own, flags } = metricValues(batch, 'variability')
      scoreColumns(batch).hashes.forEach((hash, i) => values.set(hash, { value: own[i], flag: flags[i] }))
    }
    const known = [...read].map((hash) => values.get(hash)?.value as number)
    const mean = known.reduce((a, b) => a + b, 0) / known.length
    for (const hash of unread) expect(values.get(hash)?.value).toBeCloseTo(mean, 12)
    expect(unread.map((hash) => values.get(hash)?.flag)).toEqual(unread.map(() => 1))
    expect(said).toEqual([
      expect.stringContaining(`read ${hashes.size - unread.length} of the ${hashes.size} documents`),
    ])
  })

  it('names a run without dynamics, a damaged file, and `order` the stage that is missing', async () => {
    await expect(collect(added(join(folder, 'none')))).rejects.toThrow(
      /has no `dynamics\.arrow`.*`record-dynamics`/,
    )
    const spoiled = join(folder, 'resumed')
    await writeFile(join(spoiled, 'dynamics.arrow'), 'ARROW1')
    await expect(collect(added(spoiled))).rejects.toThrow(
      new UserError(
        `\`${join(spoiled, 'dynamics.arrow')}\` is damaged: train that run anew, or take another one.`,
      ),
    )
    await expect(orderOf({ difficulty: 'confidence' })).rejects.toThrow(/`add-dynamics` stage/)
  })
})
