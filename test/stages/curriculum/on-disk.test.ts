import { existsSync } from 'node:fs'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { metricColumns } from '../../../schemas/scored.ts'
import { shardsFolder } from '../../../schemas/shard.ts'
import { arrange } from '../../../stages/curriculum/arrange.ts'
import type { Arrangement } from '../../../stages/curriculum/arrangement.ts'
import { collectScores, type Scores } from '../../../stages/curriculum/collect-scores.ts'
import { Column } from '../../../stages/curriculum/on-disk/column.ts'
import { Scratch } from '../../../stages/curriculum/on-disk/scratch.ts'
import { sortedRuns } from '../../../stages/curriculum/on-disk/sorted-runs.ts'
import { orderOptions } from '../../../stages/curriculum/order-options.ts'
import { type OrderName, orders } from '../../../stages/curriculum/orders/orders.ts'
import { openShards } from '../../../stages/shards/open-shards.ts'
import { makeShards, recordingContext, sentences } from './shards-fixture.ts'

/** Orders of corpora that do not fit into memory, against those of the same corpora in memory. */

let folder: string
beforeAll(async () => void (folder = await mkdtemp(join(tmpdir(), 'gradus-on-disk-'))))
afterAll(() => rm(folder, { recursive: true }))

const { signal } = new AbortController()

interface Drawn {
  readonly lengths: readonly number[]
  readonly metrics: readonly { values: readonly number[]; hardEnd: 'high' | 'low'; weight: number }[]
}

/** Values of few kinds and of many, so that whole files of equal ones occur. */
const corpora: fc.Arbitrary<Drawn> = fc.integer({ min: 8, max: 120 }).chain((count) =>
  fc.record({
    lengths: fc.array(fc.integer({ min: 1, max: 90_000 }), { minLength: count, maxLength: count }),
    metrics: fc.array(
      fc.record({
        values: fc.oneof(
          fc.array(fc.constantFrom(-1, -0, 0, 2.5), { minLength: count, maxLength: count }),
          fc.array(fc.double({ noNaN: true, noDefaultInfinity: true }), {
            minLength: count,
            maxLength: count,
          }),
        ),
        hardEnd: fc.constantFrom('high' as const, 'low' as const),
        weight: fc.double({ min: 0.1, max: 3, noNaN: true }),
      }),
      { maxLength: 3 },
    ),
  }),
)

function scoresOf({ lengths, metrics }: Drawn, scratch?: Scratch): Scores {
  const numbers = (values: readonly number[]) => {
    const column = new Column<Uint32Array>(Uint32Array, scratch)
    // In pieces, as they come from batches.
    for (let i = 0; i < values.length; i += 7) column.push(Uint32Array.from(values.slice(i, i + 7)))
    return column
  }
  return {
    count: lengths.length,
    parts: numbers(lengths.map((_, i) => Math.floor(i / 9))),
    rows: numbers(lengths.map((_, i) => i % 9)),
    lengths: numbers(lengths),
    metrics: metrics.map(({ values, hardEnd }, i) => {
      const column = new Column<Float64Array>(Float64Array, scratch)
      column.push(Float64Array.from(values))
      const facts = { name: `m${i}`, version: 1, hardEnd, unit: '' }
      return { column: facts, values: column }
    }),
    scratch,
    [Symbol.dispose]: () => {},
  }
}

/** All of an arrangement, column by column. */
async function contents({ rows, ...counts }: Arrangement) {
  const columns: Record<string, number[]> = {}
  for await (const piece of rows())
    for (const [name, values] of Object.entries(piece))
      (columns[name] ??= []).push(...(values as Uint32Array))
  return { ...counts, columns }
}

describe.each(Object.keys(orders) as OrderName[])('order %s in files', (name) => {
  it('is to the bit the one in memory, however little memory there is', async () => {
    await fc.assert(
      fc.asyncProperty(
        corpora,
        fc.integer({ min: 10, max: 300 }),
        fc.double({ min: 0.01, max: 3, noNaN: true }),
        async (drawn, memory, passes) => {
          using scratch = new Scratch(join(folder, 'scratch'))
          const tokens = Math.ceil(passes * drawn.lengths.reduce((sum, length) => sum + length, 0))
          const options = orderOptions.parse({
            order: name,
            ...('groups' in orders[name].defaults && { groups: 3 }),
          })
          const weights = Object.fromEntries(drawn.metrics.map(({ weight }, i) => [`m${i}`, weight]))
          const plan = { weights, options, tokens }
          const inFiles = await contents(
            await arrange({ ...plan, scores: scoresOf(drawn, scratch) }, signal, memory),
          )
          expect(inFiles).toEqual(await contents(await arrange({ ...plan, scores: scoresOf(drawn) }, signal)))
        },
      ),
      { numRuns: 8, seed: 1 },
    )
  })
})

describe('sortedRuns', () => {
  it('gives every position once, values rising, equal ones in their order and in one run, which is short or tied', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(
          fc.oneof(fc.integer({ min: 0, max: 3 }), fc.double({ noNaN: true, noDefaultInfinity: true })),
          { maxLength: 400 },
        ),
        fc.integer({ min: 1, max: 100 }),
        async (values, memory) => {
          using scratch = new Scratch(join(folder, 'scratch'))
          const column = new Column<Float64Array>(Float64Array, scratch)
          column.push(Float64Array.from(values))
          const positions: number[] = []
          let before = -Infinity
          for await (const run of sortedRuns(column, { scratch, memory, signal })) {
            const own: number[] = []
            for (const piece of run.positions()) {
              expect([...piece.values]).toEqual([...piece.positions].map((position) => values[position]))
              own.push(...piece.positions)
            }
            expect(own).toHaveLength(run.count)
            expect(values[own[0]]).toBeGreaterThan(before)
            before = values[own[own.length - 1]]
            // Every value was looked at, so that the quantiles are exact.
            if (!run.isTied && values.length > 63)
              expect(run.count).toBeLessThanOrEqual(Math.max(memory, values.length / 32))
            positions.push(...own)
          }
          const expected = [...values.keys()].sort((a, b) => values[a] - values[b] || a - b)
          expect(positions).toEqual(expected)
        },
      ),
      { numRuns: 30, seed: 1 },
    )
  })
})

describe('collectScores', () => {
  it('puts what is too long for memory into files, which hold the same, and which are gone in the end', async () => {
    const fixture = await makeShards([await sentences(4)], { heldOut: 0.2, metrics: ['mtld'] })
    try {
      const collect = async (inMemory: number) => {
        const { context } = recordingContext({})
        const opened = await openShards(fixture.shards)
        const scratch = join(folder, 'sorting')
        const scores = await collectScores(
          opened.scores(),
          (schema) => {
            expect(shardsFolder(schema)).toBe(fixture.shards)
            return Promise.resolve({ metrics: metricColumns(schema), heldOut: 0.2, hashes: true, scratch })
          },
          context.stats,
          inMemory,
        )
        return scores as Scores
      }
      using all = await collect(1e6)
      const filed = await collect(100)
      expect(all.scratch).toBeUndefined()
      expect(all.count).toBeGreaterThan(150)
      const arrays = ({ parts, rows, lengths, hashes, metrics }: Scores) =>
        [parts, rows, lengths, hashes, ...metrics.map(({ values }) => values)].map((column) =>
          column?.toArray(),
        )
      expect(arrays(filed)).toEqual(arrays(all))
      const [scratch] = (await readdir(folder)).filter((name) => name.startsWith('sorting-'))
      filed[Symbol.dispose]()
      expect(existsSync(join(folder, scratch))).toBe(false)
    } finally {
      await fixture.remove()
    }
  })
})
