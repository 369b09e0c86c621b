import { createHash } from 'node:crypto'
import { readFile, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import {
  Bool,
  CompressionType,
  Dictionary,
  Field,
  Float64,
  Int16,
  Int32,
  Int64,
  List,
  makeData,
  Null,
  RecordBatch,
  RecordBatchFileWriter,
  RecordBatchStreamWriter,
  Schema,
  Struct,
  Table as ArrowTable,
  Uint32,
  Utf8,
  Vector,
  vectorFromArray,
} from 'apache-arrow'
import fc from 'fast-check'
import '../../../stages/shards/zstd-buffers.ts'
import { readArrow } from '../../../stages/documents/read-arrow.ts'
import { arrow, dictionary, largeUtf8, rustStream, text, utf8, type Columns } from './columns/columns.ts'
import { documentsByUnit, documentsOf, Recorder, temporaryFolder, unitsOf } from './reading.ts'

const stories = Array.from(
  { length: 300 },
  (_, n) => `Story ${n}: ${'once upon a time '.repeat((n * 7) % 60)}é😀`,
)
/** Written by polars 0.26 (nodejs-polars): views instead of offsets, and compressed buffers. */
const fixtures = new URL('./columns/fixtures/', import.meta.url).pathname

describe('read-arrow', () => {
  const folder = temporaryFolder()
  const textsOf = async (path: string, options = {}) =>
    (await documentsOf(readArrow, { paths: [path], ...options })).map(({ text }) => text)

  it('gives a document a row, with hash, id, source and position', async () => {
    const path = await folder.write('a.arrow', arrow({ text: text(['one', 'zwei 😀', '']) }, 'file', 2))
    expect(await documentsOf(readArrow, { paths: [path] })).toMatchObject([
      { id: `${path}:0`, text: 'one', source: path, position: 0 },
      { id: `${path}:1`, text: 'zwei 😀', source: path, position: 1 },
      { id: `${path}:2`, text: '', source: path, position: 2 },
    ])
  })

  describe.each([
    ['Utf8', utf8],
    ['LargeUtf8', largeUtf8],
    ['a dictionary', dictionary],
  ] as const)('reads text kept as %s', (_type, type) => {
    const repeated = stories.map((story, n) => (n % 5 === 0 ? stories[3] : story))

    it.each(['file', 'stream'] as const)('in a %s of several batches', async (kind) => {
      const path = await folder.write('a.arrow', arrow({ text: text(repeated, type()) }, kind, 70))
      expect(await textsOf(path)).toEqual(repeated)
    })

    it('in a stream that the Rust implementation wrote', async () => {
      const path = await folder.write('a.arrow', rustStream({ text: text(repeated, type()) }))
      expect(await textsOf(path)).toEqual(repeated)
    })

    it('with nulls among it', async () => {
      const some = repeated.map((story, n) => (n % 3 === 1 ? null : story))
      const path = await folder.write('a.arrow', arrow({ text: text(some, type()) }, 'file', 70))
      const rejected = folder.path('rejected.jsonl')
      const options = { 'max-rejected': 0.5, rejected }
      expect(await textsOf(path, options)).toEqual(some.filter((story) => story !== null))
      const [line] = (await readFile(rejected, 'utf8')).split('\n')
      expect(JSON.parse(line)).toEqual({ source: path, row: 2, reason: '`text` is null', start: '' })
    })
  })

  it.each(['file', 'stream'] as const)('adds to a dictionary what a %s adds to it', async (kind) => {
    const [two, one] = [text(['a', 'b']), text(['c'])]
    const content = dictionaryBatches(kind, [
      [[0, 1, 0], two],
      [[2, 1, 2], new Vector([...two.data, ...one.data])],
    ])
    expect(await textsOf(await folder.write('a.arrow', content))).toEqual(['a', 'b', 'a', 'c', 'b', 'c'])
  })

  it('takes each batch by the dictionary that a stream has given last, whatever the units', async () => {
    const content = dictionaryBatches('stream', [
      [[0, 1, 0], text(['a', 'b'])],
      [[1, 0], text(['x', 'y'])],
      [[0], text(['z'])],
    ])
    const options = { paths: [await folder.write('a.arrow', content)] }
    const documents = await documentsByUnit(readArrow, { ...options, 'unit-bytes': 1 })
    expect(documents.map(({ text }) => text)).toEqual(['a', 'b', 'a', 'y', 'x', 'z'])
    expect(await documentsOf(readArrow, options)).toEqual(documents)
  })

  it('finds the text behind columns of other types', async () => {
    const rows = stories.length
    const each = <T>(value: (n: number) => T) => Array.from({ length: rows }, (_, n) => value(n))
    const columns = {
      nothing: vectorFromArray(
        each(() => null),
        new Null(),
      ),
      flag: vectorFromArray(
        each((n) => n % 2 === 0),
        new Bool(),
      ),
      tags: vectorFromArray(
        each((n) => [`${n}`, 'tag']),
        new List(new Field('item', new Utf8())),
      ),
      meta: vectorFromArray(
        each((n) => ({ url: `u${n}`, score: n / 7 })),
        new Struct<{ url: Utf8; score: Float64 }>([
          new Field('url', new Utf8()),
          new Field('score', new Float64()),
        ]),
      ),
      language: text(
        each((n) => (n % 2 === 0 ? 'en' : 'de')),
        dictionary(),
      ),
      text: text(stories),
    }
    for (const kind of ['file', 'stream'] as const) {
      const path = await folder.write('a.arrow', arrow(columns, kind, 70))
      expect(await textsOf(path)).toEqual(stories)
      expect(await textsOf(path, { field: 'language' })).toEqual(each((n) => (n % 2 === 0 ? 'en' : 'de')))
    }
  })

  it.each(['polars-lz4.arrow', 'polars-zstd.arrow'])('reads %s', async (name) => {
    const options = { paths: [join(fixtures, name)], 'max-rejected': 0.05 }
    const documents = await documentsOf(readArrow, options)
    const expected = Array.from({ length: 60 }, (_, n) => ({
      id: `${1000 + n}`,
      position: n,
      text: n % 5 === 0 ? `é${n}` : `Story ${n}: ${'once upon a time '.repeat(n % 9)}`,
    })).filter(({ position }) => position !== 7)
    expect(documents.map(({ id, position, text }) => ({ id, position, text }))).toEqual(expected)
    expect(await documentsByUnit(readArrow, { ...options, 'unit-bytes': 100 })).toEqual(documents)
  })

  it('reads buffers compressed with zstd in part only, and again where a unit starts within a batch', async () => {
    const long = stories.map((story, n) => `${story} ${noise(n)}`)
    const ids = vectorFromArray(
      long.map((_, n) => n),
      new Uint32(),
    )
    for (const type of [utf8(), largeUtf8()]) {
      const columns = { id: ids, text: text(long, type) }
      const writer = new RecordBatchFileWriter({ compressionType: CompressionType.ZSTD })
      for (const batch of new ArrowTable(columns).batches) writer.write(batch)
      const options = { paths: [await folder.write('a.arrow', writer.finish().toUint8Array(true))] }
      const whole = await documentsOf(readArrow, options)
      expect(whole.map(({ id, text }) => [id, text])).toEqual(long.map((text, n) => [`${n}`, text]))
      expect(await documentsByUnit(readArrow, { ...options, 'unit-bytes': 200_000 })).toEqual(whole)
    }
  })

  it('reads on in compressed buffers behind rows that take nothing of them', async () => {
    const texts = [noise(1), noise(2), ...Array.from({ length: 1500 }, () => ''), 'the end']
    const writer = new RecordBatchFileWriter({ compressionType: CompressionType.ZSTD })
    for (const batch of new ArrowTable({ text: text(texts) }).batches) writer.write(batch)
    const path = await folder.write('a.arrow', writer.finish().toUint8Array(true))
    const documents = await documentsByUnit(readArrow, { paths: [path], 'unit-bytes': 100 })
    expect(documents.map(({ text }) => text)).toEqual(texts)
  })

  it('gives the same documents whatever the size of a unit', async () => {
    const columns = {
      text: text(stories),
      id: vectorFromArray(
        stories.map((_, n) => BigInt(n)),
        new Int64(),
      ),
    }
    const paths = [
      await folder.write('1.arrow', arrow(columns, 'file', 70)),
      await folder.write('2.feather', arrow(columns, 'stream', 11)),
    ]
    const whole = await documentsOf(readArrow, { paths })
    expect(whole).toHaveLength(2 * stories.length)
    for (const size of [3000, 100_000, 1e6])
      expect(await documentsByUnit(readArrow, { paths, 'unit-bytes': size })).toEqual(whole)
  })

  it('takes whole numbers of any width for ids', async () => {
    const idsOf = async (id: Columns[string]) => {
      const path = await folder.write('a.arrow', arrow({ text: text(['a', 'b', 'c']), id }, 'stream'))
      return (await documentsOf(readArrow, { paths: [path] })).map(({ id }) => id.replace(path, 'PATH'))
    }
    expect(await idsOf(vectorFromArray([7, -8, null], new Int16()))).toEqual(['7', '-8', 'PATH:2'])
    expect(await idsOf(vectorFromArray([1, 4e9, 3], new Uint32()))).toEqual(['1', '4000000000', '3'])
    expect(await idsOf(vectorFromArray([-1n, 2n ** 62n, 3n], new Int64()))).toEqual([
      '-1',
      `${2n ** 62n}`,
      '3',
    ])
    expect(await idsOf(text(['x', 'y', null], dictionary()))).toEqual(['x', 'y', 'PATH:2'])
    expect(await idsOf(vectorFromArray([0.5, 1, 2], new Float64()))).toEqual(['PATH:0', 'PATH:1', 'PATH:2'])
  })

  it('announces the bytes of the columns that it reads, and reads these', async () => {
    const columns = { text: text(stories), other: text(stories.map((story) => story.repeat(50))) }
    const path = await folder.write('a.arrow', arrow(columns, 'stream', 70))
    const recorder = new Recorder()
    await unitsOf(readArrow, { paths: [path] }, { recorder })
    expect(recorder.expected['bytes checked']).toBeLessThan(1.5 * Buffer.byteLength(stories.join('')))
    expect(recorder.counters['bytes checked']).toBe(recorder.expected['bytes checked'])
  })

  describe('with a file that does not fit', () => {
    const failing = async (path: string, message: string) => {
      const good = await folder.write('good.arrow', arrow({ text: text(['good']) }, 'file'))
      const reading = unitsOf(readArrow, { paths: [good, path], 'max-rejected': 1 })
      await expect(reading).rejects.toMatchObject({ name: 'UserError' })
      await expect(reading).rejects.toThrow(message.replaceAll('PATH', path))
    }

    it('names the columns there are, with their types', async () => {
      const columns = { content: text(['a']), n: vectorFromArray([1], new Int16()) }
      await failing(
        await folder.write('a.arrow', arrow(columns, 'stream')),
        '`PATH` has no column `text`; it has `content` (utf8), `n` (int). Option `field` says',
      )
    })

    it('says that it is no Arrow file, or one of old', async () => {
      await failing(await folder.write('a.arrow', '{"text":"not at all"}\n'), '`PATH` is no Arrow file')
      await failing(await folder.write('a.feather', 'FEA1....'), '`PATH` is a Feather file of version 1')
    })

    it.each(['file', 'stream'] as const)('says that a %s is truncated', async (kind) => {
      const content = arrow({ text: text(stories) }, kind, 70)
      for (const missing of [9, 1000, 20_000]) {
        const path = await folder.write('a.arrow', content)
        await truncate(path, content.length - missing)
        await failing(path, '`PATH` is truncated, it ends too early: fetch it again.')
      }
    })

    it('says that it is empty where it has no rows', async () => {
      for (const kind of ['file', 'stream'] as const)
        await failing(await folder.write('a.arrow', arrow({ text: text([]) }, kind)), '`PATH` is empty')
    })

    it('gives a sentence, or rows, wherever it is damaged', async () => {
      const few = stories.slice(0, 40)
      const contents = [
        arrow({ text: text(few) }, 'file', 20),
        arrow({ text: text(few, largeUtf8()) }, 'stream', 20),
        arrow({ text: text(few, dictionary()) }, 'stream'),
        await readFile(join(fixtures, 'polars-lz4.arrow')),
        await readFile(join(fixtures, 'polars-zstd.arrow')),
      ]
      await fc.assert(
        fc.asyncProperty(
          fc.nat({ max: contents.length - 1 }),
          fc.double({ min: 0, max: 1, noNaN: true }),
          fc.uint8Array({ minLength: 1, maxLength: 8 }),
          async (which, place, noise) => {
            const damaged = Buffer.from(contents[which])
            damaged.set(noise, Math.floor(place * (damaged.length - noise.length)))
            const path = await folder.write('a.arrow', damaged)
            const outcome = await unitsOf(readArrow, { paths: [path], 'max-rejected': 1 }).catch(
              (e: unknown) => e,
            )
            if (outcome instanceof Error) expect(outcome.name).toBe('UserError')
          },
        ),
        { numRuns: 300 },
      )
    })
  })

  it('notices that a file has changed since planning', async () => {
    const path = await folder.write('a.arrow', arrow({ text: text(stories) }, 'stream'))
    const [unit] = await unitsOf(readArrow, { paths: [path] })
    await writeFile(path, arrow({ text: text(stories.toReversed()) }, 'stream'))
    await expect(documentsOf(readArrow, { paths: [path] }, { unit })).rejects.toThrow(
      'changed while it was being read',
    )
  })
})

/** Batches of one column, each with its indices and the dictionary as it then is. */
function dictionaryBatches(
  kind: 'file' | 'stream',
  batches: readonly (readonly [number[], Vector<Utf8>])[],
): Uint8Array {
  const type = new Dictionary(new Utf8(), new Int32(), 7)
  const schema = new Schema([new Field('text', type)])
  const writer = kind === 'file' ? new RecordBatchFileWriter() : new RecordBatchStreamWriter()
  for (const [indices, dictionary] of batches) {
    const [length, data] = [indices.length, Int32Array.from(indices)]
    const column = makeData({ type, length, nullCount: 0, data, dictionary })
    const children = [column]
    writer.write(
      new RecordBatch(schema, makeData({ type: new Struct(schema.fields), length, nullCount: 0, children })),
    )
  }
  return writer.finish().toUint8Array(true)
}

/** Text that hardly compresses. */
function noise(seed: number): string {
  return createHash('shake256', { outputLength: 5000 }).update(`${seed}`).digest('base64')
}
