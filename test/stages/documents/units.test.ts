import { appendFile, readFile, rm, writeFile } from 'node:fs/promises'
import fc from 'fast-check'
import { gzipSync } from 'node:zlib'
import { compress } from 'zstd-napi'
import { documentColumns } from '../../../schemas/documents.ts'
import { BatchBuilder } from '../../../stages/documents/batch-builder.ts'
import { readJsonl } from '../../../stages/documents/read-jsonl.ts'
import type { Unit } from '../../../stages/documents/unit.ts'
import { batchesOf, documentsByUnit, documentsOf, Recorder, temporaryFolder, unitsOf } from './reading.ts'

const jsonl = (texts: readonly string[]) => texts.map((text) => `${JSON.stringify({ text })}\n`).join('')
const numbered = (rows: number) =>
  Array.from({ length: rows }, (_, row) => `text number ${row} ${'é'.repeat(row % 9)}`)
const hashes = (units: readonly Unit[]) => units.map(({ hash }) => hash)

describe('units', () => {
  const folder = temporaryFolder()

  it('together give the documents that a run without units gives, whatever their size', async () => {
    const untidy = `\ufeff\n${jsonl(numbered(20))}oops\r\n\r\n${jsonl(numbered(20)).replaceAll('\n', '\r\n')}not JSON`
    const paths = [
      await folder.write('1.jsonl', untidy),
      await folder.write('2.jsonl.gz', gzipSync(untidy)),
      await folder.write('3.jsonl.zst', compress(Buffer.from(untidy))),
      await folder.write('4.jsonl', jsonl(['last']).trimEnd()),
    ]
    const options = { paths, 'max-rejected': 0.2 }
    const whole = await documentsOf(readJsonl, options)
    expect(whole).toHaveLength(121)
    for (const size of [1, 40, 100, 999, 5000]) {
      expect(await documentsByUnit(readJsonl, { ...options, 'unit-bytes': size })).toEqual(whole)
    }
  })

  it('give the same documents for every size of unit and batch, whatever the lines', async () => {
    const line = fc.oneof(
      fc.string({ unit: 'grapheme' }).map((text) => JSON.stringify({ text })),
      fc.constantFrom('', '  ', '{', '{"text":1}'),
    )
    const lines = fc.array(line, { minLength: 1, maxLength: 30 })
    const cases = fc.tuple(
      lines,
      fc.constantFrom('\n', '\r\n'),
      fc.integer({ min: 1, max: 300 }),
      fc.integer({ min: 1, max: 9 }),
    )
    await fc.assert(
      fc.asyncProperty(cases, async ([lines, lineBreak, size, batch]) => {
        const path = await folder.write('a.jsonl', `{"text":"first"}\n${lines.join(lineBreak)}`)
        const options = { paths: [path], 'max-rejected': 1 }
        const expected = ['first', ...lines.filter((line) => /"text":"/.test(line)).map(textOf)]
        const documents = await documentsByUnit(readJsonl, { ...options, 'unit-bytes': size, batch })
        expect(documents.map(({ text }) => text)).toEqual(expected)
        expect(documents).toEqual(await documentsOf(readJsonl, options))
      }),
      { numRuns: 60 },
    )
  })

  it('hold at most the bytes asked for, or one longer record', async () => {
    const lengths = [10, 10, 500, 10, 10, 10, 90]
    const path = await folder.write('a.jsonl', jsonl(lengths.map((length) => 'x'.repeat(length))))
    const units = await unitsOf(readJsonl, { paths: [path], 'unit-bytes': 100 })
    // A line is 11 bytes longer than its text.
    expect(units.map(({ bytes }) => bytes)).toEqual([42, 511, 63, 101])
    expect(units.map(({ index }) => index)).toEqual([0, 1, 2, 3])
    expect(units.map(({ slices }) => slices[0].firstRecord)).toEqual([0, 2, 3, 6])
  })

  it('have a hash of the records alone: not of names, files, line breaks or bad lines', async () => {
    const [one, other] = [numbered(10), numbered(10).map((text) => `${text}!`)]
    const apart = [await folder.write('1.jsonl', jsonl(one)), await folder.write('2.jsonl', jsonl(other))]
    const untidy = `${jsonl(one).replaceAll('\n', '\r\n')}\n  \noops\n${jsonl(other).trimEnd()}`
    const together = await folder.write('together.jsonl', untidy)
    const [a] = await unitsOf(readJsonl, { paths: apart })
    const [b] = await unitsOf(readJsonl, { paths: [together], 'max-rejected': 0.1 })
    expect(a.slices).toHaveLength(2)
    expect(b.slices).toHaveLength(1)
    expect(b.hash).toBe(a.hash)
    expect(a.hash).toMatch(/^[0-9a-f]{64}$/)
  })

  it('have another hash where a record is another one, or cut elsewhere', async () => {
    const inputs = [
      '{"text":"ab"}\n{"text":"c"}\n',
      '{"text":"a"}\n{"text":"bc"}\n',
      '{"text":"ab"} {"text":"c"}\n',
    ]
    const paths = await Promise.all(
      inputs.map((input, n) => folder.write(`${n}.jsonl`, `{"text":"x"}\n${input}`)),
    )
    const planned = await Promise.all(
      paths.map((path) => unitsOf(readJsonl, { paths: [path], 'max-rejected': 1 })),
    )
    expect(new Set(planned.flatMap(hashes)).size).toBe(3)
  })

  it('are the same again where nothing but the end of the input changed, save the last', async () => {
    const path = await folder.write('a.jsonl', jsonl(numbered(100)))
    const options = { paths: [path], 'unit-bytes': 1000 }
    const before = await unitsOf(readJsonl, options)
    await appendFile(path, jsonl(['one more']))
    const after = await unitsOf(readJsonl, options)
    expect(before.length).toBeGreaterThan(3)
    expect(after.slice(0, before.length - 1)).toEqual(before.slice(0, -1))
    expect(after.at(-1)!.hash).not.toBe(before.at(-1)!.hash)
  })

  it('announce the documents and bytes that reading them then counts', async () => {
    const path = await folder.write('a.jsonl', `${jsonl(numbered(100))}oops\n\n`)
    const options = { paths: [path], 'unit-bytes': 1000 }
    const [planning, reading] = [new Recorder(), new Recorder()]
    for (const unit of await unitsOf(readJsonl, options, { recorder: planning })) {
      await documentsOf(readJsonl, options, { unit, recorder: reading })
    }
    expect(reading.counters).toEqual({ documents: 100, bytes: planning.expected.bytes })
    expect(planning.expected.documents).toBe(100)
    expect(planning.dropped).toEqual({ 'not JSON': 1 })
    expect(reading.dropped).toEqual({})
  })

  it('are planned with an eye on the bytes on disk, whether compressed or not', async () => {
    const content = jsonl(numbered(10_000))
    const packed = gzipSync(content)
    const paths = [await folder.write('1.jsonl', content), await folder.write('2.jsonl.gz', packed)]
    const recorder = new Recorder()
    await unitsOf(readJsonl, { paths }, { recorder })
    const bytes = Buffer.byteLength(content) + packed.length
    expect(recorder.expected['bytes checked']).toBe(bytes)
    expect(recorder.counters['bytes checked']).toBe(bytes)
  })

  it.each<[string, (content: string) => string]>([
    ['a record was changed', (content) => content.replace('number 50', 'Number 50')],
    ['a record was added before it', (content) => jsonl(['new']) + content],
    ['the end was cut off', (content) => content.slice(0, content.length / 2)],
  ])('are not read where, since planning, %s', async (_case, change) => {
    const path = await folder.write('a.jsonl', jsonl(numbered(100)))
    const options = { paths: [path], 'unit-bytes': 3000 }
    const units = await unitsOf(readJsonl, options)
    await writeFile(path, change(await readFile(path, 'utf8')))
    const reading = Promise.all(units.map((unit) => documentsOf(readJsonl, options, { unit })))
    await expect(reading).rejects.toMatchObject({ name: 'UserError' })
    await expect(reading).rejects.toThrow(`\`${path}\` changed while it was being read`)
  })

  it('are not read where a file has gone since planning', async () => {
    const path = await folder.write('a.jsonl', jsonl(numbered(3)))
    const [unit] = await unitsOf(readJsonl, { paths: [path] })
    await rm(path)
    await expect(documentsOf(readJsonl, { paths: [path] }, { unit })).rejects.toThrow('does not exist')
  })
})

describe('batches', () => {
  const folder = temporaryFolder()

  it('hold at most the rows asked for', async () => {
    const path = await folder.write('a.jsonl', jsonl(numbered(10)))
    const rows: number[] = []
    for await (const batch of batchesOf(readJsonl, { paths: [path], batch: 4 })) rows.push(batch.numRows)
    expect(rows).toEqual([4, 4, 2])
  })

  it('hold at most 64 MiB of text, or one longer document', () => {
    const builder = new BatchBuilder(1024)
    const mebibytes = [30, 34, 1, 70, 1]
    const batches = mebibytes.map((size) => builder.add('id', 'x'.repeat(size << 20), 'a.jsonl', 0))
    const sizes = [...batches, builder.finish()]
      .filter((batch) => batch !== undefined)
      .map((batch) => {
        const { rows, texts } = documentColumns(batch)
        return Array.from({ length: rows }, (_, row) => texts.byteLength(row) >> 20)
      })
    expect(sizes).toEqual([[30, 34], [1], [70], [1]])
  })
})

function textOf(line: string): string {
  return (JSON.parse(line) as { text: string }).text
}
