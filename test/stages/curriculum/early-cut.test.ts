import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { z } from 'zod'
import { orderColumns } from '../../../schemas/order.ts'
import { metricValues } from '../../../schemas/scored.ts'
import { documentHashes, scoreColumns } from '../../../schemas/shard.ts'
import { cutEarly } from '../../../stages/curriculum/cut-early.ts'
import { earlyCut } from '../../../stages/curriculum/early-cut.ts'
import { order } from '../../../stages/curriculum/order.ts'
import { openShards } from '../../../stages/shards/open-shards.ts'
import { collect } from '../shards/corpus.ts'
import { writeReadings, type WrittenReading } from './dynamics-fixture.ts'
import { makeShards, recordingContext, sentences } from './shards-fixture.ts'

describe('earlyCut', () => {
  // By hand. Early losses 1 to 8: documents 0, 2, 4 and 6 are the easier half. Of these 4 has the largest later loss,
  // then 0; document 7 has a larger one still, but was never easy.
  const early = Float64Array.of(1, 5, 2, 6, 3, 7, 4, 8)
  const late = Float64Array.of(6, 1, 1, 1, 7, 1, 2, 9)

  it.each([
    [0.5, 0.25, [4]],
    [0.5, 0.5, [0, 4]],
    [0.25, 0.5, [0]],
    [0.5, 0.1, []],
  ])('with share %d learned and %d of it cut leaves out %j', (learned, cut, expected) => {
    expect([...earlyCut(early, { loss: late }, { learned, cut })]).toEqual(expected)
  })

  // Of the easier half 0, 2, 4 and 6, in falling order: certain 6, 0, 4, 2; in rising order of the gradient: 0, 4, 6, and
  // of 2 none is known.
  const largest = Float64Array.of(0.6, 1, 0.1, 1, 0.3, 1, 0.9, 1)
  const gradient = Float64Array.of(1, 0, -NaN, 0, 2, 0, 3, 0)

  it.each([
    [{ certain: 0.5 }, [0]],
    [{ certain: 0.75 }, [0, 4]],
    [{ flat: 0.25 }, [0]],
    [{ flat: 0.5 }, [0, 4]],
    [{ certain: 0.25, flat: 0.75 }, []],
  ])('leaves out only what %j has as well', (shares, expected) => {
    const later = { loss: late, largest, gradient }
    expect([...earlyCut(early, later, { learned: 0.5, cut: 0.5, ...shares })]).toEqual(expected)
  })

  it('takes a gradient that is not known for the largest', () => {
    const later = { loss: late, gradient }
    expect([...earlyCut(early, later, { learned: 0.5, cut: 0.999, flat: 0.75 })]).toEqual([0, 4, 6])
  })

  it('takes the later of equal documents for the one with the larger loss', () => {
    const same = new Float64Array(4).fill(2)
    expect([...earlyCut(same, { loss: same }, { learned: 0.5, cut: 0.5 })]).toEqual([1])
  })
})

describe('cut-early', () => {
  let fixture: Awaited<ReturnType<typeof makeShards>>
  let folder: string
  let hashes: bigint[]

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'gradus-early-cut-'))
    const texts = await sentences(2)
    fixture = await makeShards([texts.slice(0, 50), texts.slice(50, 100)], { metrics: ['mtld'], heldOut: 0 })
    hashes = (await collect(scores())).flatMap((batch) => [...documentHashes(batch)])
  })
  afterAll(async () => {
    await fixture.remove()
    await rm(folder, { recursive: true })
  })

  async function* scores() {
    yield* (await openShards(fixture.shards)).scores()
  }

  /** Document i has loss i in the epochs before the last, and one that falls with i in that one, but for 3 and 60. */
  const readings = (): WrittenReading[] =>
    [0, 1, 2].flatMap((epoch) =>
      hashes.map((hash, i) => ({ hash, loss: epoch < 2 ? i : i === 3 || i === 60 ? 500 : 1 - i / 1000 })),
    )

  function run(name: string, given: Partial<z.input<typeof cutEarly.options>> = {}) {
    const options = cutEarly.options.parse({ run: join(folder, name), ...given })
    const recorded = recordingContext(options)
    return { ...recorded, batches: () => cutEarly.run(scores(), recorded.context) }
  }

  it('leaves out documents that were easy early and are hard later, with all of their columns', async () => {
    await writeReadings(join(folder, 'whole'), readings())
    const { batches, counts, sentences } = run('whole', { cut: 0.02 })
    const cut = await collect(batches())
    const [left, right] = [3, 60].map((i) => hashes[i])
    // Half were learned early, a fiftieth of which is one document: 60 was not among them.
    expect(cut.flatMap((batch) => [...documentHashes(batch)])).toEqual(hashes.filter((hash) => hash !== left))
    expect(hashes).toContain(right)
    expect(counts).toEqual({ 'dropped: learned early, implausible later': 1 })
    expect(sentences).toEqual([expect.stringContaining(`1 of the ${hashes.length} documents`)])
    const all = await collect(scores())
    const rowsOf = (some: typeof all) =>
      some.flatMap((batch) => {
        const { parts, rows, tokens, bytes } = scoreColumns(batch)
        const { values, flags } = metricValues(batch, 'mtld')
        return Array.from(parts, (part, i) => [part, rows[i], tokens[i], bytes[i], values[i], flags[i]])
      })
    expect(rowsOf(cut)).toEqual(rowsOf(all).toSpliced(3, 1))
  })

  it('takes them out of the order behind it', async () => {
    const { context } = recordingContext(order.options.parse({ difficulty: 'mtld' }))
    const ordered = await collect(order.run(run('whole', { cut: 0.02 }).batches(), context))
    const places = ordered.flatMap((batch) => {
      const { part, row } = orderColumns(batch)
      return Array.from(part, (part, i) => part * 50 + row[i])
    })
    expect(places.sort((a, b) => a - b)).toEqual([...hashes.keys()].filter((i) => i !== 3))
  })

  it('judges what the last whole epoch read, and leaves all other documents in', async () => {
    // A fourth epoch of 10 documents decides nothing, and what was read twice only is not judged.
    const some = readings().filter((_, i) => i !== 2 * hashes.length + 3)
    await writeReadings(join(folder, 'ragged'), [...some, ...readings().slice(4, 14)])
    const { batches, sentences } = run('ragged', { cut: 0.02 })
    const kept = (await collect(batches())).flatMap((batch) => [...documentHashes(batch)])
    expect(sentences).toEqual([expect.stringContaining(`1 of the ${hashes.length - 1} documents`)])
    // Of the easier half of those that were read three times, document 0 has the largest loss in the third epoch.
    expect(kept).toEqual(hashes.slice(1))
  })

  it('asks for certain predictions and small gradients where it is told to, and names a run without them', async () => {
    // The later loss falls with i but for document 3; the gradient rises with i, and so does certainty but in document 0.
    const signals = readings().map((reading, at) => {
      const i = at % hashes.length
      return { ...reading, largest: i === 0 ? 0.99 : i / 200, gradient: i }
    })
    await writeReadings(join(folder, 'signals'), signals)
    const cut = async (given: Partial<z.input<typeof cutEarly.options>>) => {
      const kept = (await collect(run('signals', { cut: 0.5, ...given }).batches())).flatMap((batch) => [
        ...documentHashes(batch),
      ])
      return [...hashes.keys()].filter((i) => !kept.includes(hashes[i]))
    }
    expect(await cut({ flat: 0.1 })).toEqual([0, 1, 2, 3, 4])
    // Of the half that was learned early, the 25 hardest later and the 26 most certain have these in common.
    expect(await cut({ certain: 0.52 })).toEqual([0])
    expect(await cut({ certain: 0.52, flat: 0.02 })).toEqual([0])
    for (const option of ['certain', 'flat'] as const) {
      await expect(collect(run('whole', { [option]: 0.5 }).batches())).rejects.toThrow(
        new RegExp(`did not record what \`${option}\`.*\`early-cutting: true\``),
      )
    }
  })

  it('names a run that has too few epochs, none, or none of the documents', async () => {
    await writeReadings(join(folder, 'short'), readings().slice(0, 2 * hashes.length))
    await expect(collect(run('short').batches())).rejects.toThrow(/has 2 whole epochs.*lower `early`/)
    expect(await collect(run('short', { early: 0 }).batches())).toHaveLength(2)
    const others = readings().map(({ hash, loss }) => ({ hash: hash ^ 1n, loss }))
    await writeReadings(join(folder, 'others'), others)
    await expect(collect(run('others').batches())).rejects.toThrow(/read none of the documents/)
    await expect(collect(run('missing').batches())).rejects.toThrow(/no `dynamics\.arrow`/)
  })

  it.each([{ learned: 0 }, { cut: 1 }, { early: -1 }])('refuses %j', (given) => {
    expect(cutEarly.options.safeParse({ run: 'runs/a', ...given }).success).toBe(false)
  })
})
