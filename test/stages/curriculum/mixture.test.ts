import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import type { z } from 'zod'
import { orderColumns } from '../../../schemas/order.ts'
import { UserError } from '../../../schemas/user-error.ts'
import { mixtureOption, mixtureShares, temperatureWeights } from '../../../stages/curriculum/mixture.ts'
import { order } from '../../../stages/curriculum/order.ts'
import { mix } from '../../../stages/curriculum/orders/mix.ts'
import type { OrderSettings } from '../../../stages/curriculum/orders/order.ts'
import { type OrderName, orders } from '../../../stages/curriculum/orders/orders.ts'
import { openShards } from '../../../stages/shards/open-shards.ts'
import { collect, scoreUnits, train } from '../shards/corpus.ts'
import { recordingContext, sentences } from './shards-fixture.ts'

const settings: OrderSettings = {
  groups: 2,
  pacing: 'linear',
  by: 'tokens',
  share: 0.3,
  until: 0.2,
  segments: 2,
  peak: 0.45,
  cycles: 2,
  alpha: 0.5,
  abilities: [-2, 2],
  band: 0.2,
}

describe('temperature', () => {
  // Sizes 81, 16 and 1: their square roots are 9, 4 and 1, and the roots of these 3, 2 and 1; over the largest.
  it.each([
    [1, [1, 16 / 81, 1 / 81]],
    [2, [1, 4 / 9, 1 / 9]],
    [4, [1, 2 / 3, 1 / 3]],
  ])('%d takes that root of the sizes', (temperature, expected) => {
    temperatureWeights([81, 16, 1], temperature).forEach((weight, i) =>
      expect(weight).toBeCloseTo(expected[i], 12),
    )
  })

  it('makes very unlike sizes alike when it is very high', () => {
    expect(temperatureWeights([1e12, 1], 1e6)[1]).toBeCloseTo(1, 4)
  })
})

describe('sources', () => {
  const sources = { names: ['books/old/a.txt', 'books/b.txt', 'news.txt'], of: Uint32Array.of(0, 0, 1, 2, 1) }
  const lengths = Uint32Array.of(1, 2, 3, 4, 5)
  const documents = (mixture: z.input<typeof mixtureOption>) =>
    mixtureShares(mixtureOption.parse(mixture), sources, lengths, 'shards').map(
      ({ name, share, documents }) => [name, share, [...documents]],
    )

  it('are files, or folders with all that is in them and in no inner folder that is named too', () => {
    expect(documents({ shares: { books: 3, 'news.txt': 1 } })).toEqual([
      ['books', 0.75, [0, 1, 2, 4]],
      ['news.txt', 0.25, [3]],
    ])
    expect(documents({ shares: { 'books/': 1, 'books/old': 1, 'news.txt': 0 } })).toEqual([
      ['books/', 0.5, [2, 4]],
      ['books/old', 0.5, [0, 1]],
    ])
  })

  it('are all files by temperature, in proportion to their tokens at temperature 1', () => {
    expect(documents({ temperature: 1 })).toEqual([
      ['books/b.txt', 8 / 15, [2, 4]],
      ['books/old/a.txt', 3 / 15, [0, 1]],
      ['news.txt', 4 / 15, [3]],
    ])
    expect(documents({ temperature: 1, sources: ['books', 'news.txt'] }).map(([, share]) => share)).toEqual([
      11 / 15,
      4 / 15,
    ])
  })

  it('that do not occur are named with those that do', () => {
    expect(() => documents({ shares: { poems: 1, book: 1, books: 1 } })).toThrow(
      new UserError(
        'The shards in `shards` have no document to train on from `poems`, `book`; their sources are `books/old/a.txt`, `books/b.txt`, `news.txt`. Name these, or folders that they are in, in `mixture`.',
      ),
    )
  })

  it.each([
    [{}],
    [{ shares: { a: 0 } }],
    [{ shares: { a: -1, b: 2 } }],
    [{ shares: { a: 1 }, temperature: 2 }],
    [{ shares: { a: 1 }, sources: ['a'] }],
    [{ temperature: 0 }],
  ])('are refused in %j', (mixture) => {
    expect(mixtureOption.safeParse(mixture).success).toBe(false)
  })
})

describe('mix', () => {
  /** Documents of any lengths, each of one of three sources, with two of each source at least. */
  const corpora = fc
    .array(fc.tuple(fc.integer({ min: 1, max: 30 }), fc.integer({ min: 0, max: 2 })), { maxLength: 40 })
    .map((drawn) => [...drawn, ...[0, 0, 1, 1, 2, 2].map((source): [number, number] => [5, source])])

  it.each(Object.keys(orders) as OrderName[])('keeps the shares at any time of order %s', (name) => {
    fc.assert(
      fc.property(
        corpora,
        fc.tuple(...[1, 2, 3].map(() => fc.integer({ min: 1, max: 9 }))),
        (drawn, weights) => {
          const lengths = Uint32Array.from(drawn, ([length]) => length)
          const sources = weights.map((weight, source) => ({
            name: `${source}`,
            share: weight / weights.reduce((a, b) => a + b),
            places: Uint32Array.from([...drawn.keys()].filter((place) => drawn[place][1] === source)),
          }))
          const stretches = mix(lengths, sources, 500, 7, (own, tokens, seed) =>
            orders[name].arrange(own, tokens, seed, settings),
          )
          const dealt = [0, 0, 0]
          let all = 0
          for (const document of stretches.flatMap(({ places }) => [...places])) {
            expect(all).toBeLessThan(500)
            const [length, source] = drawn[document]
            // Whoever comes next is not ahead of its share.
            expect(dealt[source]).toBeLessThanOrEqual(sources[source].share * all + 1e-9)
            dealt[source] += length
            all += length
          }
          expect(all).toBeGreaterThanOrEqual(500)
        },
      ),
      { numRuns: 20 },
    )
  })
})

describe('order with a mixture', () => {
  let folder: string
  let shards: string
  const sourceOfPart = ['books/a.txt', 'books/b.txt', 'news.txt']

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'gradus-mixture-'))
    shards = join(folder, 'shards')
    const tokenizer = join(folder, 'tokenizer.json')
    const texts = await sentences(3)
    const cuts = [0, 100, 130, texts.length]
    await train(tokenizer, texts, 500)
    await scoreUnits(
      sourceOfPart.map((source, i) => ({ key: source, source, texts: texts.slice(cuts[i], cuts[i + 1]) })),
      { to: shards, tokenizer, metrics: ['mtld'] },
    )
  })
  afterAll(() => rm(folder, { recursive: true }))

  async function run(given: z.input<typeof order.options>) {
    const { context, counts } = recordingContext(order.options.parse({ difficulty: 'mtld', ...given }))
    const batches = await collect(order.run((await openShards(shards)).scores(), context))
    const placed = batches.flatMap((batch) => {
      const { part, row, tokens, hardness } = orderColumns(batch)
      return Array.from(part, (_, i) => ({
        part: part[i],
        row: row[i],
        tokens: tokens[i] + 1,
        hardness: hardness[i],
      }))
    })
    const sizes = [0, 0, 0]
    for (const { part, tokens } of placed) sizes[part] += tokens
    return { placed, counts, sizes }
  }
  const files = () => readdir(join(shards, 'orders'))

  it('gives each source its share of the tokens, and leaves out what no share is for', async () => {
    const { sizes, counts } = await run({
      tokens: 20_000,
      mixture: { shares: { 'books/b.txt': 3, 'news.txt': 1 } },
    })
    expect(sizes[0]).toBe(0)
    expect(sizes[1] / (sizes[1] + sizes[2])).toBeCloseTo(0.75, 1)
    expect(counts['dropped: outside the mixture']).toBeGreaterThan(80)
    expect(counts.coverage).toBeLessThan(1)
  })

  it('takes each source from its easy to its hard end, all at the same progress', async () => {
    const { placed } = await run({
      order: 'ascending',
      mixture: { shares: { books: 1, 'news.txt': 1 } },
      tokens: 2000,
    })
    for (const isNews of [true, false]) {
      const own = placed.filter(({ part }) => (part === 2) === isNews).map(({ hardness }) => hardness)
      expect(own).toEqual([...own].sort((a, b) => a - b))
      expect(own.length).toBeGreaterThan(5)
    }
    const half = placed.slice(0, placed.length / 2)
    expect(new Set(half.map(({ part }) => part === 2)).size).toBe(2)
  })

  it('is the same file whenever it is made, and another one for another mixture', async () => {
    const given = { tokens: 3000, seed: 3, mixture: { temperature: 3 } }
    const before = await files()
    const { sizes } = await run(given)
    const [made, ...others] = (await files()).filter((name) => !before.includes(name))
    expect(others).toEqual([])
    const path = join(shards, 'orders', made)
    const bytes = await readFile(path)
    await rm(path)
    await run(given)
    expect(await readFile(path)).toEqual(bytes)
    const even = await run({ ...given, mixture: { temperature: 1000 } })
    expect(await files()).toHaveLength(before.length + 2)
    expect(Math.min(...even.sizes)).toBeGreaterThan(Math.min(...sizes))
  })

  it('names a source that does not occur, or is too small for the order, before anything is written', async () => {
    const before = await files()
    await expect(run({ mixture: { shares: { poems: 1 } } })).rejects.toThrow(
      /no document .* from `poems`; .*`news.txt`/,
    )
    await expect(run({ order: 'phases', groups: 60, mixture: { temperature: 1 } })).rejects.toThrow(
      /documents of `books\/b.txt` into 60 groups/,
    )
    expect(await files()).toEqual(before)
  })
})
