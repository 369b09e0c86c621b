import { documentHash, documentsBatch } from '../../../schemas/documents.ts'
import { split } from '../../../stages/documents/split.ts'
import { Recorder, rowsOf } from './reading.ts'

async function* batchesOf(texts: readonly string[], size: number) {
  for (let from = 0; from < texts.length; from += size) {
    const part = texts.slice(from, from + size)
    yield documentsBatch({
      ids: part.map((_, n) => `doc-${from + n}`),
      texts: part,
      sources: part.map(() => 'a.jsonl'),
      positions: part.map((_, n) => from + n),
    })
  }
}

function run(texts: readonly string[], by: string, { size = 100, stats = new Recorder() } = {}) {
  const [options, signal] = [split.options.parse({ by }), new AbortController().signal]
  return split.run(batchesOf(texts, size), { options, signal, stats, log: () => {} })
}

describe('split', () => {
  it('numbers the passages of a document and keeps where it is from', async () => {
    const hashOf = (text: string) => documentHash(Buffer.from(text))
    expect(await rowsOf(run(['one\n\ntwo', 'three'], 'blank-lines'))).toEqual([
      { hash: hashOf('one'), id: 'doc-0#0', text: 'one', source: 'a.jsonl', position: 0 },
      { hash: hashOf('two'), id: 'doc-0#1', text: 'two', source: 'a.jsonl', position: 0 },
      { hash: hashOf('three'), id: 'doc-1#0', text: 'three', source: 'a.jsonl', position: 1 },
    ])
  })

  it('hands batches on untouched with `none`', async () => {
    const { value: batch } = await batchesOf(['a\n\nb'], 1).next()
    const stage = split.run(
      (async function* () {
        yield batch!
      })(),
      {
        options: { by: 'none' },
        signal: new AbortController().signal,
        stats: new Recorder(),
        log: () => {},
      },
    )
    expect((await stage.next()).value).toBe(batch)
  })

  it('gives the same passages whatever the batches it is given', async () => {
    const texts = Array.from({ length: 50 }, (_, n) => 'Some words here. '.repeat(n))
    const whole = await rowsOf(run(texts, 'words:7'))
    for (const size of [1, 7]) expect(await rowsOf(run(texts, 'words:7', { size }))).toEqual(whole)
  })

  it('cuts one large document into batches of at most 1024 passages', async () => {
    const rows: number[] = []
    for await (const batch of run(['x\n\n'.repeat(2500)], 'blank-lines')) rows.push(batch.numRows)
    expect(rows).toEqual([1024, 1024, 452])
  })

  it('takes a separator literally, colons and line breaks included', async () => {
    const rows = await rowsOf(run(['a:\n:b.c'], 'separator::\n:'))
    expect(rows.map(({ text }) => text)).toEqual(['a', 'b.c'])
  })

  it('counts documents that have no text', async () => {
    const stats = new Recorder()
    expect(await rowsOf(run([' \n', 'a'], 'words:5', { stats }))).toHaveLength(1)
    expect(stats.dropped).toEqual({ 'no text': 1 })
  })

  it.each(['words', 'words:0', 'words:ten', 'separator:', 'lines', 'none:1'])('does not take `%s`', (by) => {
    expect(() => split.options.parse({ by })).toThrow('Use none, blank-lines, separator:S or words:N.')
  })
})
