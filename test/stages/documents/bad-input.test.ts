import { readFile } from 'node:fs/promises'
import { gzipSync } from 'node:zlib'
import { Int64, vectorFromArray } from 'apache-arrow'
import { readArrow } from '../../../stages/documents/read-arrow.ts'
import { readJsonl } from '../../../stages/documents/read-jsonl.ts'
import { readParquet } from '../../../stages/documents/read-parquet.ts'
import { readText } from '../../../stages/documents/read-text.ts'
import { split } from '../../../stages/documents/split.ts'
import { arrow, parquet, text } from './columns/columns.ts'
import {
  batchesOf,
  documentsByUnit,
  documentsOf,
  Recorder,
  rowsOf,
  temporaryFolder,
  unitsOf,
} from './reading.ts'

const line = (text: string) => `${JSON.stringify({ text })}\n`
const passages = (by: string) => ({
  options: { by },
  signal: new AbortController().signal,
  stats: new Recorder(),
  log: () => {},
})

describe('mixed encodings', () => {
  const folder = temporaryFolder()

  it('cost the lines that are not UTF-8, and no others', async () => {
    const content = Buffer.concat([
      Buffer.from(line('caf\u00e9')),
      Buffer.from(line('caf\u00e9'), 'latin1'),
      Buffer.from(line('windows \u0093quotes\u0094'), 'latin1'),
      Buffer.from(line('Gr\u00fc\u00dfe \ud83d\ude00')),
      Buffer.from(line('utf-16'), 'utf16le'),
      Buffer.from('\n'),
      Buffer.from([0xc0, 0x80, 0x0a]),
      Buffer.from(line('last')),
    ])
    const path = await folder.write('a.jsonl', content)
    const recorder = new Recorder()
    const options = { paths: [path], 'max-rejected': 0.8 }
    const documents = await documentsOf(readJsonl, options, { recorder })
    expect(documents.map(({ text }) => text)).toEqual(['caf\u00e9', 'Gr\u00fc\u00dfe \ud83d\ude00', 'last'])
    expect(recorder.dropped['not UTF-8']).toBe(3)
    expect(recorder.sentences[0]).toMatch(/rejected .* 3 not UTF-8/)
  })

  it('cost the documents that are not UTF-8 where text is cut at a separator', async () => {
    const parts = [
      Buffer.from('one|'),
      Buffer.from('caf\u00e9', 'latin1'),
      Buffer.from('|trois \u00e9t\u00e9s'),
    ]
    const path = await folder.write('a.txt', Buffer.concat(parts))
    const documents = await documentsOf(readText, { paths: [path], separator: '|', 'max-rejected': 0.5 })
    expect(documents.map(({ text }) => text)).toEqual(['one', 'trois \u00e9t\u00e9s'])
  })
})

describe('control characters', () => {
  const folder = temporaryFolder()
  const strange = 'a\u0000b\u0001\u0007\u001b[31m\u007f\u0085\u2028\u202e\ufeff\ufffec'

  it('stay in a text as they are', async () => {
    const options = { 'max-rejected': 0 }
    const jsonl = await folder.write('a.jsonl', line(strange))
    const plain = await folder.write('a.txt', strange)
    const columns = await folder.write('a.parquet', parquet({ text: text([strange]) }))
    const stream = await folder.write('a.arrow', arrow({ text: text([strange]) }, 'stream'))
    for (const documents of [
      await documentsOf(readJsonl, { paths: [jsonl], ...options }),
      await documentsOf(readText, { paths: [plain], ...options }),
      await documentsOf(readText, { paths: [plain], separator: '\u0003', ...options }),
      await documentsOf(readParquet, { paths: [columns], ...options }),
      await documentsOf(readArrow, { paths: [stream], ...options }),
    ])
      expect(documents.map(({ text }) => text)).toEqual([strange])
  })

  it('make a line no JSON where they stand unescaped in a string', async () => {
    const path = await folder.write('a.jsonl', `${line('good')}{"text":"a\u0001b"}\n`)
    const recorder = new Recorder()
    await documentsOf(readJsonl, { paths: [path], 'max-rejected': 0.5 }, { recorder })
    expect(recorder.dropped).toEqual({ 'not JSON': 1 })
  })

  it('are parts of words where passages are cut', async () => {
    const words = 'a\u0000b \u0001\u0007 \u001b[31mred \u007f'
    const path = await folder.write('a.jsonl', line(words))
    const rows = await rowsOf(split.run(batchesOf(readJsonl, { paths: [path] }), passages('words:2')))
    expect(rows.map(({ text }) => text)).toEqual(['a\u0000b \u0001\u0007', '\u001b[31mred \u007f'])
  })
})

describe('one document of 100 MB', () => {
  const folder = temporaryFolder()
  const paragraph = 'The quick brown fox jumps over the lazy dog. '.repeat(20)
  const count = Math.floor(100e6 / (paragraph.length + 2))
  const long = `${paragraph}\n\n`.repeat(count).trim()

  it('goes through, among others, as a line and as part of a text', async () => {
    const jsonl = await folder.write('a.jsonl', line('before') + line(long) + line('after'))
    const plain = await folder.write('a.txt', `before<|endoftext|>${long}<|endoftext|>after`)
    for (const batches of [
      batchesOf(readJsonl, { paths: [jsonl] }),
      batchesOf(readText, { paths: [plain], separator: '<|endoftext|>' }),
    ]) {
      const texts = (await rowsOf(batches)).map(({ text }) => text)
      expect(texts.map((text) => text.length)).toEqual([6, long.length, 5])
      expect(texts[1] === long).toBe(true)
    }
  })

  it('is cut into passages', async () => {
    const path = await folder.write('a.txt', long)
    let rows = 0
    for await (const batch of split.run(batchesOf(readText, { paths: [path] }), passages('blank-lines')))
      rows += batch.numRows
    expect(rows).toBe(count)
  })
})

describe('a million empty documents', () => {
  const folder = temporaryFolder()
  const count = 1_000_000

  it('go through in little memory, and split drops them', async () => {
    const path = await folder.write('a.jsonl', '{"text":""}\n'.repeat(count))
    const stats = new Recorder()
    const before = process.memoryUsage()
    const batches = batchesOf(readJsonl, { paths: [path] })
    for await (const _batch of split.run(batches, { ...passages('blank-lines'), stats }))
      throw new Error('There should be no passage.')
    const { arrayBuffers } = process.memoryUsage()
    expect(stats.dropped).toEqual({ 'no text': count })
    expect(arrayBuffers - before.arrayBuffers).toBeLessThan(100e6)
  })

  it('between separators are none, and what stands among them is found', async () => {
    const many = '<|endoftext|>\n'.repeat(count / 2)
    const path = await folder.write('a.txt', `${many}only one${many}`)
    const documents = await documentsByUnit(readText, { paths: [path], separator: '<|endoftext|>' })
    expect(documents.map(({ id, text }) => [id, text])).toEqual([[`${path}#0`, 'only one']])
  })
})

describe('a truncated .gz', () => {
  const folder = temporaryFolder()

  it('is named before anything is read, and the rest is read without it', async () => {
    const good = await folder.write('1.jsonl.gz', gzipSync(line('good')))
    const whole = gzipSync(line('a longer text, so that something is missing').repeat(100))
    const bad = await folder.write('2.jsonl.gz', whole.subarray(0, -20))
    const last = await folder.write('3.jsonl.gz', gzipSync(line('also good')))
    const rejected = folder.path('rejected.jsonl')
    const planning = unitsOf(readJsonl, { paths: [folder.path()], rejected })
    await expect(planning).rejects.toMatchObject({
      name: 'UserError',
      message: `\`${bad}\` is truncated, its compressed data ends too early: fetch it again.`,
    })
    await expect(readFile(rejected)).rejects.toThrow('ENOENT')
    const documents = await documentsByUnit(readJsonl, { paths: [good, last] })
    expect(documents.map(({ text }) => text)).toEqual(['good', 'also good'])
  })
})

describe('a Parquet file of another schema', () => {
  const folder = temporaryFolder()

  it('is named among those of the right one, with the columns that it has', async () => {
    await folder.write('1.parquet', parquet({ text: text(['good']) }))
    const other = parquet({ url: text(['x']), tokens: vectorFromArray([1n], new Int64()) })
    const path = await folder.write('2.parquet', other)
    await expect(unitsOf(readParquet, { paths: [folder.path()] })).rejects.toMatchObject({
      name: 'UserError',
      message:
        `\`${path}\` has no column \`text\`; it has \`url\` (string), \`tokens\` (int64). ` +
        'Option `field` says which column holds the text.',
    })
  })
})
