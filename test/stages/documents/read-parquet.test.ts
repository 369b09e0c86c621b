import { readFile, truncate, writeFile } from 'node:fs/promises'
import { Field, Int32, Int64, List, Uint64, Utf8, vectorFromArray } from 'apache-arrow'
import fc from 'fast-check'
import { readParquet } from '../../../stages/documents/read-parquet.ts'
import { parquet, text, type Columns, type ParquetLayout } from './columns/columns.ts'
import { documentsByUnit, documentsOf, Recorder, temporaryFolder, unitsOf } from './reading.ts'

const list = () => vectorFromArray([['a']], new List(new Field('item', new Utf8())))
const stories = Array.from(
  { length: 500 },
  (_, n) => `Story ${n}: ${'once upon a time '.repeat((n * 7) % 60)}é😀`,
)

describe('read-parquet', () => {
  const folder = temporaryFolder()
  const write = (columns: Columns, layout: ParquetLayout = {}, name = 'a.parquet') =>
    folder.write(name, parquet(columns, layout))

  it('gives a document a row, with hash, id, source and position', async () => {
    const path = await write({ text: text(['one', 'zwei 😀', '']), other: text(['x', 'y', 'z']) })
    expect(await documentsOf(readParquet, { paths: [path] })).toMatchObject([
      { id: `${path}:0`, text: 'one', source: path, position: 0 },
      { id: `${path}:1`, text: 'zwei 😀', source: path, position: 1 },
      { id: `${path}:2`, text: '', source: path, position: 2 },
    ])
  })

  describe.each(['UNCOMPRESSED', 'SNAPPY', 'GZIP', 'BROTLI', 'ZSTD', 'LZ4_RAW'] as const)(
    'with %s',
    (compression) => {
      it.each([
        ['pages of version 1', { version: 'V1' }],
        ['pages of version 2', { version: 'V2' }],
        ['dictionaries', { version: 'V1', hasDictionary: true }],
        ['dictionaries and pages of version 2', { version: 'V2', hasDictionary: true }],
      ] as const)('reads %s, in several groups of several pages', async (_case, kind) => {
        const layout = { compression, hasDictionary: false, ...kind, rowsInGroup: 170, pageBytes: 4000 }
        const path = await write({ text: text(stories) }, layout)
        const documents = await documentsOf(readParquet, { paths: [path] })
        expect(documents.map(({ text }) => text)).toEqual(stories)
        expect(documents.map(({ position }) => position)).toEqual(stories.map((_, n) => n))
      })
    },
  )

  it.each([
    ['pages of version 1', 'V1'],
    ['pages of version 2', 'V2'],
  ] as const)('gives the same documents whatever the size of a unit, in %s', async (_case, version) => {
    const ids = vectorFromArray(
      stories.map((_, n) => BigInt(n)),
      new Int64(),
    )
    const options = {
      paths: [
        await write(
          { text: text(stories), id: ids },
          { version, rowsInGroup: 170, pageBytes: 4000 },
          '1.parquet',
        ),
        await write({ id: ids, text: text(stories) }, { version, rowsInGroup: 10 }, '2.parquet'),
      ],
    }
    const whole = await documentsOf(readParquet, options)
    expect(whole.map(({ id }) => id)).toEqual([...stories, ...stories].map((_, n) => `${n % 500}`))
    for (const size of [2000, 5000, 100_000, 1e6])
      expect(await documentsByUnit(readParquet, { ...options, 'unit-bytes': size })).toEqual(whole)
  })

  it('takes ids from the column named, else from `id` if that is text or whole numbers', async () => {
    const idsOf = async (columns: Columns, options = {}) => {
      const path = await write({ ...columns, text: text(['a', 'b', 'c']) })
      const documents = await documentsOf(readParquet, { paths: [path], ...options })
      return documents.map(({ id }) => id.replace(path, 'PATH'))
    }
    const big = vectorFromArray([1n, 2n ** 63n + 1n, null], new Uint64())
    expect(await idsOf({ id: text(['x', null, 'z']) })).toEqual(['x', 'PATH:1', 'z'])
    expect(await idsOf({ id: big })).toEqual(['1', '9223372036854775809', 'PATH:2'])
    expect(await idsOf({ id: vectorFromArray([true, false, true]) })).toEqual(['PATH:0', 'PATH:1', 'PATH:2'])
    const both = { id: text(['x', 'y', 'z']), number: vectorFromArray([7, -8, 9], new Int32()) }
    expect(await idsOf(both, { id: 'number' })).toEqual(['7', '-8', '9'])
  })

  it('takes another unit for other texts or other ids, and not for another name, group or compression', async () => {
    const hashOf = async (columns: Columns, layout: ParquetLayout = {}, name?: string) => {
      const [unit] = await unitsOf(readParquet, { paths: [await write(columns, layout, name)] })
      return unit.hash
    }
    const hash = await hashOf({ text: text(['a', 'b']), id: text(['1', '2']) })
    expect(
      await hashOf(
        { other: text(['x', 'y']), id: text(['1', '2']), text: text(['a', 'b']) },
        { compression: 'ZSTD', rowsInGroup: 1 },
        'b.parquet',
      ),
    ).toBe(hash)
    expect(await hashOf({ text: text(['a', 'c']), id: text(['1', '2']) })).not.toBe(hash)
    expect(await hashOf({ text: text(['a', 'b']), id: text(['1', '3']) })).not.toBe(hash)
  })

  it('rejects rows without a text, by their number', async () => {
    const path = await write({ text: text(['a', null, 'c']) })
    const rejected = folder.path('rejected.jsonl')
    const options = { paths: [path], rejected, 'max-rejected': 0.5 }
    const documents = await documentsByUnit(readParquet, options)
    expect(documents.map(({ position, text }) => [position, text])).toEqual([
      [0, 'a'],
      [2, 'c'],
    ])
    expect(JSON.parse(await readFile(rejected, 'utf8'))).toEqual({
      source: path,
      row: 2,
      reason: '`text` is null',
      start: '',
    })
  })

  it('announces the bytes of the columns that it reads, and reads these', async () => {
    const columns = { text: text(stories), other: text(stories.map((story) => story.repeat(50))) }
    const path = await write(columns, { compression: 'UNCOMPRESSED', hasDictionary: false, pageBytes: 4000 })
    const recorder = new Recorder()
    await unitsOf(readParquet, { paths: [path] }, { recorder })
    const textBytes = Buffer.byteLength(stories.join(''))
    expect(recorder.expected['bytes checked']).toBeGreaterThan(textBytes)
    expect(recorder.expected['bytes checked']).toBeLessThan(1.5 * textBytes)
    expect(recorder.counters['bytes checked']).toBe(recorder.expected['bytes checked'])
  })

  describe('with a file that does not fit', () => {
    const failing = async (path: string, message: string, options = {}) => {
      const good = await write({ text: text(['good']) }, {}, 'good.parquet')
      const reading = unitsOf(readParquet, { paths: [good, path], ...options })
      await expect(reading).rejects.toMatchObject({ name: 'UserError' })
      await expect(reading).rejects.toThrow(message.replaceAll('PATH', path))
    }

    it('names the columns there are, with their types', async () => {
      const columns = {
        content: text(['a']),
        n: vectorFromArray([1n], new Int64()),
        list: list(),
      }
      await failing(
        await write(columns),
        '`PATH` has no column `text`; it has `content` (string), `n` (int64), `list` (list). Option `field` says',
      )
    })

    it('names the type where it is not text', async () => {
      await failing(
        await write({ text: vectorFromArray([1, 2], new Int32()) }),
        'Column `text` of `PATH` holds int32, not text.',
      )
      await failing(await write({ text: list() }), 'Column `text` of `PATH` holds list, not text.')
    })

    it('names the columns where there are no such ids', async () => {
      const path = await write({ text: text(['a']), yes: vectorFromArray([true]) })
      const options = { field: 'text' }
      const idless = unitsOf(readParquet, { paths: [path], ...options, id: 'url' })
      await expect(idless).rejects.toThrow(
        `\`${path}\` has no column \`url\`; it has \`text\` (string), \`yes\``,
      )
      await expect(unitsOf(readParquet, { paths: [path], id: 'yes' })).rejects.toThrow(
        `Column \`yes\` of \`${path}\` holds boolean, neither text nor whole numbers.`,
      )
    })

    it('says that it is no Parquet file', async () => {
      const path = await folder.write('a.parquet', '{"text":"not at all"}\n')
      await failing(path, '`PATH` is no Parquet file')
    })

    it.each([4, 1000, 4000])('says that it is truncated where %i bytes are missing', async (missing) => {
      const path = await write({ text: text(stories) })
      const { length } = await readFile(path)
      await truncate(path, length - missing)
      await failing(path, '`PATH` is truncated, it ends too early: fetch it again.')
    })

    it('says that it is damaged where its first page or its footer makes no sense', async () => {
      const content = Buffer.from(parquet({ text: text(stories) }, { compression: 'ZSTD' }))
      const footer = content.readUInt32LE(content.length - 8)
      for (const at of [4, content.length - footer - 8]) {
        const path = await folder.write('damaged.parquet', Buffer.from(content).fill(0xff, at, at + 200))
        await failing(path, '`PATH` is damaged, or no Parquet file')
      }
    })

    it('gives a sentence, or rows, wherever it is damaged', async () => {
      const layouts = [
        { compression: 'SNAPPY', hasDictionary: true },
        { compression: 'LZ4_RAW', hasDictionary: false, version: 'V2' },
        { compression: 'UNCOMPRESSED', hasDictionary: false },
      ] as const
      const contents = layouts.map((layout) => parquet({ text: text(stories.slice(0, 50)) }, layout))
      await fc.assert(
        fc.asyncProperty(
          fc.nat({ max: contents.length - 1 }),
          fc.double({ min: 0, max: 1, noNaN: true }),
          fc.uint8Array({ minLength: 1, maxLength: 8 }),
          async (which, place, noise) => {
            const damaged = Buffer.from(contents[which])
            damaged.set(
              noise.subarray(0, damaged.length),
              Math.floor(place * (damaged.length - noise.length)),
            )
            const path = await folder.write('a.parquet', damaged)
            const outcome = await unitsOf(readParquet, { paths: [path], 'max-rejected': 1 }).catch(
              (e: unknown) => e,
            )
            if (outcome instanceof Error) expect(outcome.name).toBe('UserError')
          },
        ),
        { numRuns: 300 },
      )
    })

    it('says that it is empty where it has no rows', async () => {
      await failing(await write({ text: text([]) }), '`PATH` is empty')
    })

    it('says how to write it where its compression cannot be read', async () => {
      await failing(
        await write({ text: text(stories) }, { compression: 'LZ4' }),
        'Column `text` of `PATH` is compressed with LZ4: write it anew with snappy or zstd.',
      )
    })
  })

  it('notices that a file has changed since planning', async () => {
    const path = await write({ text: text(stories) })
    const units = await unitsOf(readParquet, { paths: [path] })
    await writeFile(path, parquet({ text: text(stories.toReversed()) }))
    await expect(documentsOf(readParquet, { paths: [path] }, { unit: units[0] })).rejects.toThrow(
      `\`${path}\` changed while it was being read`,
    )
  })
})
