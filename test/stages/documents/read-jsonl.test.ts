import { readFile } from 'node:fs/promises'
import { gzipSync } from 'node:zlib'
import { compress } from 'zstd-napi'
import { documentHash } from '../../../schemas/documents.ts'
import { UserError } from '../../../schemas/user-error.ts'
import { readJsonl } from '../../../stages/documents/read-jsonl.ts'
import { documentsByUnit, documentsOf, Recorder, temporaryFolder, unitsOf } from './reading.ts'

describe('read-jsonl', () => {
  const folder = temporaryFolder()
  const textsOf = async (content: string | Uint8Array, options = {}) => {
    const path = await folder.write('in.jsonl', content)
    return (await documentsOf(readJsonl, { paths: [path], ...options })).map(({ text }) => text)
  }

  it('gives a document a line, with hash, id, source and position', async () => {
    const path = await folder.write(
      'a.jsonl',
      '{"text":"one"}\n{"id":"x","text":"zwei 😀"}\n{"id":7,"text":""}\n',
    )
    const hashOf = (text: string) => documentHash(Buffer.from(text))
    expect(await documentsOf(readJsonl, { paths: [path] })).toEqual([
      { hash: hashOf('one'), id: `${path}:0`, text: 'one', source: path, position: 0 },
      { hash: hashOf('zwei 😀'), id: 'x', text: 'zwei 😀', source: path, position: 1 },
      { hash: hashOf(''), id: '7', text: '', source: path, position: 2 },
    ])
  })

  it('takes the text from the field named', async () => {
    expect(await textsOf('{"text":"no","body":"yes"}\n', { field: 'body' })).toEqual(['yes'])
  })

  it('drops a byte order mark, reads \\r\\n, and needs no line break at the end', async () => {
    expect(await textsOf('\ufeff{"text":"a"}\r\n{"text":"b"}\r\n{"text":"c"}')).toEqual(['a', 'b', 'c'])
  })

  it('skips blank lines but counts them in positions', async () => {
    const path = await folder.write('a.jsonl', '\n{"text":"a"}\n  \t\r\n\n{"text":"b"}\n\n')
    const documents = await documentsOf(readJsonl, { paths: [path], 'max-rejected': 0 })
    expect(documents.map(({ position, text }) => [position, text])).toEqual([
      [1, 'a'],
      [4, 'b'],
    ])
  })

  it('keeps line breaks and escapes within a text', async () => {
    expect(await textsOf('{"text":"a\\nb\\u00e9\\u2028"}\n')).toEqual(['a\nbé\u2028'])
  })

  it('takes no id from a number that JSON has rounded', async () => {
    const path = await folder.write('a.jsonl', '{"id":9007199254740993,"text":"a"}\n{"id":null,"text":"b"}\n')
    const documents = await documentsOf(readJsonl, { paths: [path] })
    expect(documents.map(({ id }) => id)).toEqual([`${path}:0`, `${path}:1`])
  })

  it('reads lines that span several reads of the file', async () => {
    const texts = Array.from({ length: 12 }, (_, n) => String.fromCharCode(97 + n).repeat(400_000 + n))
    expect(await textsOf(texts.map((text) => JSON.stringify({ text })).join('\n'))).toEqual(texts)
  })

  describe('with bad records', () => {
    const bad = [
      ['{"text":"cut of', 'not JSON'],
      ['[1]', 'not a JSON object'],
      ['null', 'not a JSON object'],
      ['{"body":"x"}', 'no field `text`'],
      ['{"text":null}', 'field `text` is not a string'],
    ] as const

    it('keeps each with source, line and reason, and reads the rest', async () => {
      const notUtf8 = Buffer.from([...Buffer.from('{"text":"caf'), 0xe9, ...Buffer.from('"}')])
      const lines = [Buffer.from('{"text":"good"}'), ...bad.map(([line]) => Buffer.from(line)), notUtf8]
      const path = await folder.write(
        'a.jsonl',
        Buffer.concat(lines.flatMap((line) => [line, Buffer.from('\n')])),
      )
      const rejected = folder.path('out/rejected.jsonl')
      const recorder = new Recorder()
      const documents = await documentsOf(
        readJsonl,
        { paths: [path], rejected, 'max-rejected': 0.9 },
        { recorder },
      )
      expect(documents.map(({ text }) => text)).toEqual(['good'])
      const kept = (await readFile(rejected, 'utf8')).trim().split('\n')
      expect(kept.map((line) => JSON.parse(line) as unknown)).toEqual([
        ...bad.map(([start, reason], n) => ({ source: path, line: n + 2, reason, start })),
        { source: path, line: 7, reason: 'not UTF-8', start: '{"text":"caf\ufffd"}' },
      ])
      expect(recorder.dropped).toMatchObject({ 'not JSON': 1, 'not a JSON object': 2 })
      expect(recorder.sentences.join()).toMatch(/^6 of 7 records rejected \(85\.7 %\): 1 not JSON/)
    })

    it('keeps no more than 200 characters of a line', async () => {
      const path = await folder.write('a.jsonl', `{"text":"x"}\n😀${'é'.repeat(500)}\n`)
      const rejected = folder.path('rejected.jsonl')
      await unitsOf(readJsonl, { paths: [path], rejected, 'max-rejected': 0.5 })
      const { start } = JSON.parse(await readFile(rejected, 'utf8')) as { start: string }
      expect(start).toBe(`😀${'é'.repeat(199)}`)
    })

    it('fails where more than the allowed share is bad, and says where the first is', async () => {
      const path = await folder.write('a.jsonl', `${'{"text":"x"}\n'.repeat(98)}oops\noops\n`)
      const rejected = folder.path('rejected.jsonl')
      await expect(unitsOf(readJsonl, { paths: [path], rejected })).rejects.toEqual(
        new UserError(
          `2 of 100 records rejected (2 %), and --max-rejected allows 1 %; the first is line 99 of \`${path}\`, ` +
            `not JSON: "oops". Write one JSON object a line. All are in \`${rejected}\`.`,
        ),
      )
      expect((await readFile(rejected, 'utf8')).split('\n')).toHaveLength(3)
    })

    it('says how to name the field where records have another', async () => {
      await expect(textsOf('{"content":"x"}\n')).rejects.toThrow(
        'no field `text`: "{\\"content\\":\\"x\\"}". Option `field` says which field holds the text.',
      )
    })

    it('allows exactly the share that is allowed', async () => {
      const path = await folder.write('a.jsonl', `${'{"text":"x"}\n'.repeat(99)}oops\n`)
      await expect(unitsOf(readJsonl, { paths: [path] })).resolves.toHaveLength(1)
    })

    it('fails where nothing is good, whatever is allowed', async () => {
      await expect(textsOf('oops\n', { 'max-rejected': 1 })).rejects.toThrow(
        '1 of 1 records rejected (100 %); the first',
      )
    })

    it('leaves no file where nothing was rejected, not even an earlier one', async () => {
      const path = await folder.write('a.jsonl', '{"text":"x"}\n')
      const rejected = await folder.write('rejected.jsonl', 'of an earlier run')
      await unitsOf(readJsonl, { paths: [path], rejected })
      await expect(readFile(rejected)).rejects.toThrow('ENOENT')
    })
  })

  it.each([
    ['of no bytes', Buffer.alloc(0), 'is empty'],
    ['of blank lines', Buffer.from('\n \n\r\n'), 'is empty'],
    ['with a byte order mark only', Buffer.from('\ufeff'), 'is empty'],
    ['in UTF-16', Buffer.from('\ufeff{"text":"a"}\n', 'utf16le'), 'is UTF-16 text'],
    ['that is a zip archive', Buffer.from('PK\x03\x04rest'), 'is a zip archive'],
    ['that is a zip archive within a .gz', gzipSync('PK\x03\x04rest'), 'is a zip archive'],
    ['that is a Parquet file', Buffer.from('PAR1....'), 'is a Parquet file'],
  ])('refuses a file %s, with its name', async (_case, content, message) => {
    const good = await folder.write('good.jsonl', '{"text":"x"}\n')
    const bad = await folder.write('bad.jsonl', content)
    const reading = unitsOf(readJsonl, { paths: [good, bad], rejected: folder.path('rejected.jsonl') })
    await expect(reading).rejects.toMatchObject({
      name: 'UserError',
      message: expect.stringContaining(`\`${bad}\` ${message}`) as string,
    })
  })

  it('leaves nothing behind where it fails half-way', async () => {
    const first = await folder.write('1.jsonl', 'oops\n{"text":"x"}\n')
    const second = await folder.write('2.jsonl', '')
    const rejected = folder.path('rejected.jsonl')
    await expect(unitsOf(readJsonl, { paths: [first, second], rejected })).rejects.toThrow('is empty')
    await expect(readFile(rejected)).rejects.toThrow('ENOENT')
    await expect(readFile(`${rejected}.tmp`)).rejects.toThrow('ENOENT')
  })

  it('rejects a line longer than 128 MiB, and reads the others', async () => {
    const long = `{"text":"${'a'.repeat(128 << 20)}"}`
    const content = compress(Buffer.from(`{"text":"before"}\n${long}\n{"text":"after"}\n`))
    const path = await folder.write('a.jsonl.zst', content)
    const rejected = folder.path('rejected.jsonl')
    const options = { paths: [path], rejected, 'max-rejected': 0.5 }
    const documents = await documentsByUnit(readJsonl, options)
    expect(documents.map(({ text, position }) => [text, position])).toEqual([
      ['before', 0],
      ['after', 2],
    ])
    expect(JSON.parse(await readFile(rejected, 'utf8'))).toEqual({
      source: path,
      line: 2,
      reason: 'longer than 128 MiB',
      start: long.slice(0, 200),
    })
  })
})
