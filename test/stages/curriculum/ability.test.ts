import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import type { z } from 'zod'
import { orderColumns, orderReport } from '../../../schemas/order.ts'
import { documentHashes } from '../../../schemas/shard.ts'
import { difficultyOf, estimateAbility, probabilityRight } from '../../../stages/curriculum/item-response.ts'
import { measureAbilities } from '../../../stages/curriculum/measure-abilities.ts'
import { order } from '../../../stages/curriculum/order.ts'
import { openShards } from '../../../stages/shards/open-shards.ts'
import { collect } from '../shards/corpus.ts'
import { writeReadings, type WrittenReading } from './dynamics-fixture.ts'
import { makeShards, recordingContext, sentences } from './shards-fixture.ts'

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'gradus-ability-'))
})
afterAll(() => rm(folder, { recursive: true }))

describe('the one-parameter item response model', () => {
  it('is right half of the time where ability is difficulty, and three times in four ln 3 above', () => {
    expect(probabilityRight(1.3, 1.3)).toBe(0.5)
    expect(probabilityRight(Math.log(3), 0)).toBeCloseTo(0.75, 12)
    expect(difficultyOf(0.75)).toBeCloseTo(Math.log(3), 12)
  })

  // k of n alike are right at b + ln(k / (n − k)); the rest by halving an interval 300 times, in Python.
  it.each([
    [[0.7, 0.7, 0.7, 0.7], 1, 0.7 - Math.log(3)],
    [[-1, 1], 1, 0],
    [[-1, 0, 2], 1, -0.6416879753759385],
    [[-1, 0, 2], 2, 1.244195546469533],
    [[-2, -1, 0, 1, 2], 4, 1.9254401136415746],
    [[-30, -30, 30, 30], 1, -30],
    [[-30, -30, 30, 30], 3, 30],
    [[0.5, 1.5], 0, -0.16139817155009334],
    [[0.5, 1.5], 2, 2 + 0.16139817155009334],
    [[4], 0, 4],
  ])(
    'with difficulties %j and %d right has its most likely ability at %d',
    (difficulties, right, expected) => {
      expect(estimateAbility(difficulties, right)).toBeCloseTo(expected, 8)
    },
  )

  it('has no likelier ability nearby', () => {
    const answers = fc.array(fc.tuple(fc.double({ min: -6, max: 6, noNaN: true }), fc.boolean()), {
      minLength: 2,
      maxLength: 30,
    })
    fc.assert(
      fc.property(answers, (drawn) => {
        const right = drawn.filter(([, isRight]) => isRight).length
        fc.pre(right > 0 && right < drawn.length)
        const logLikelihood = (ability: number) =>
          drawn.reduce((sum, [difficulty, isRight]) => {
            const probability = probabilityRight(ability, difficulty)
            return sum + Math.log(isRight ? probability : 1 - probability)
          }, 0)
        const best = estimateAbility(
          drawn.map(([difficulty]) => difficulty),
          right,
        )
        for (const step of [-0.01, 0.01])
          expect(logLikelihood(best)).toBeGreaterThan(logLikelihood(best + step))
      }),
      { seed: 1 },
    )
  })
})

describe('the abilities of a run', () => {
  // 100 documents, read in each of 20 parts. Document i has the loss i + 100 − 4k in part k, in the last one i + 24, so
  // that 90 of 100 have at most 113. In part k it is right where i ≤ 13 + 4k, which are 14 + 4k documents.
  const hashes = BigUint64Array.from({ length: 100 }, (_, i) => BigInt(1000 + i))
  const ascending = Uint32Array.from(hashes.keys())
  const readings = Array.from({ length: 2000 }, (_, at): WrittenReading => {
    const [part, i] = [Math.floor(at / 100), at % 100]
    return { hash: hashes[i], loss: i + 100 - 4 * part }
  })

  it('are the most likely ones in twenty parts of it, right being what nine in ten are in the end', async () => {
    const run = join(folder, 'rising')
    await writeReadings(run, readings)
    const abilities = await measureAbilities(run, hashes, ascending)
    expect(abilities).toHaveLength(20)
    // 14, 50 and 90 of 100 right, by halving an interval in Python; difficulties are ln(q/(1 − q)), q = (i + ½)/100.
    expect(abilities[0]).toBeCloseTo(-2.658063, 5)
    expect(abilities[9]).toBeCloseTo(0, 8)
    expect(abilities[19]).toBeCloseTo(3.187258, 5)
    expect(abilities).toEqual([...abilities].sort((a, b) => a - b))
  })

  it('leave out documents that are not of the corpus, and go on where a part begins no document', async () => {
    const run = join(folder, 'others')
    const strange = [0n, 1n, 2n].map((hash) => ({ hash, loss: 1000, tokens: 100_000 }))
    await writeReadings(run, [...strange, ...readings])
    expect(await measureAbilities(run, hashes, ascending)).toEqual(
      await measureAbilities(join(folder, 'rising'), hashes, ascending),
    )
    const long = join(folder, 'long')
    await writeReadings(long, [
      { hash: hashes[0], loss: 9, tokens: 3 },
      { hash: hashes[1], loss: 1, tokens: 1 },
    ])
    const abilities = await measureAbilities(long, hashes, ascending)
    expect(new Set(abilities.slice(0, 15)).size).toBe(1)
    expect(abilities[15]).toBeGreaterThan(abilities[14])
    await expect(
      measureAbilities(
        long,
        hashes.map((hash) => hash + 500n),
        ascending,
      ),
    ).rejects.toThrow(/read none of the documents/)
  })
})

describe('order by ability', () => {
  let fixture: Awaited<ReturnType<typeof makeShards>>
  let hashes: bigint[]
  beforeAll(async () => {
    fixture = await makeShards([await sentences(3)], { metrics: ['mtld'], heldOut: 0.1 })
    hashes = (await collect(scores())).flatMap((batch) => [...documentHashes(batch)])
  })
  afterAll(() => fixture.remove())

  async function* scores() {
    yield* (await openShards(fixture.shards)).scores()
  }

  async function ordered(given: z.input<typeof order.options>) {
    const { context } = recordingContext(order.options.parse({ difficulty: 'mtld', tokens: 4000, ...given }))
    const batches = await collect(order.run(scores(), context))
    const hardness = batches.flatMap((batch) => [...orderColumns(batch).hardness])
    return { hardness, report: orderReport(batches[0].schema) }
  }

  it('reads what a run of that ability has right, by the abilities that the run had', async () => {
    // What the run had right at first is a loss of 1; all is right in the end.
    const run = join(folder, 'learning')
    const reading = (share: number) =>
      hashes.map((hash, i) => ({ hash, loss: i < share * hashes.length ? 1 : 2 }))
    await writeReadings(run, [...reading(0.1), ...reading(0.5), ...reading(1)])
    const { hardness, report } = await ordered({ order: 'ability', run, share: 0.05 })
    const abilities = report.options.abilities as number[]
    expect(abilities).toHaveLength(20)
    expect(abilities[0]).toBeLessThan(abilities[19])
    const most = (t: number) => 1 / (1 + Math.exp(-abilities[Math.round(t * 19)]))
    const first = hardness.slice(0, hardness.length / 10)
    expect(Math.max(...first)).toBeLessThan(Math.max(most(0.1), most(0), 0.05) + 0.05)
    expect(Math.max(...hardness.slice(-20))).toBeGreaterThan(0.8)
    const given = await ordered({ order: 'ability', abilities, share: 0.05 })
    expect(given.hardness).toEqual(hardness)
    expect(given.report).toEqual(report)
  })

  it.each<[z.input<typeof order.options>, RegExp]>([
    [{ order: 'random', run: 'runs/a' }, /`run` belongs to order ability, ability-band/],
    [{ order: 'ability', run: 'runs/a', abilities: [1] }, /`run` measures the abilities itself/],
    [{ order: 'ability-band', band: 0.5 }, /0\.5/],
    [{ order: 'ability', band: 0.1 }, /`band` belongs to order ability-band/],
    [{ order: 'ability', abilities: [] }, /abilities/],
  ])('refuses %j', (given, message) => {
    expect(JSON.stringify(order.options.safeParse(given).error)).toMatch(message)
  })

  it('names a run that did not write down what it read', async () => {
    await expect(ordered({ order: 'ability', run: join(folder, 'none') })).rejects.toThrow(
      /`record-dynamics`/,
    )
  })
})
