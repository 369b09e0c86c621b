import { createHash } from 'node:crypto'
import { RecordBatchFileReader, RecordBatchFileWriter, tableFromIPC, util } from 'apache-arrow'
import { documentColumns, documentsBatch, documentsSchema, utf8Column } from '../../schemas/documents.ts'

const texts = ['', 'plain', 'naïve 東京 😀', 'a\nb']
const rows = {
  ids: ['a', 'b', 'ç', ''],
  texts,
  sources: ['x.txt', 'x.txt', 'y.txt', 'y.txt'],
  positions: [0, 1, 2 ** 32 - 1, 3],
}

describe('a batch of documents', () => {
  it('gives back what went in', () => {
    const columns = documentColumns(documentsBatch(rows))
    expect(columns.rows).toBe(4)
    expect(texts.map((_, row) => columns.ids.text(row))).toEqual(rows.ids)
    expect(texts.map((_, row) => columns.texts.text(row))).toEqual(texts)
    expect(texts.map((_, row) => columns.sources.text(row))).toEqual(rows.sources)
    expect([...columns.positions]).toEqual(rows.positions)
  })

  it('reads the same through the row proxies of Arrow', () => {
    const [first, , third] = documentsBatch(rows).toArray() as Record<string, unknown>[]
    expect(first.text).toBe('')
    expect(third).toMatchObject({ id: 'ç', text: texts[2], source: 'y.txt', position: 2 ** 32 - 1 })
  })

  it('goes into one file with other batches, the empty one included', async () => {
    const empty = documentsBatch({ ids: [], texts: [], sources: [], positions: [] })
    const file = await RecordBatchFileWriter.writeAll([
      empty,
      documentsBatch(rows),
      documentsBatch(rows),
    ]).toUint8Array()
    const table = tableFromIPC(file)
    expect(table.numRows).toBe(8)
    expect(util.compareSchemas(table.schema, documentsSchema)).toBe(true)
  })

  it('hashes documents with the first eight bytes of SHA-256', () => {
    // The digest of no bytes is published: e3b0c442 98fc1c14 ...
    const { hashes } = documentColumns(documentsBatch(rows))
    expect(hashes[0]).toBe(0xe3b0c44298fc1c14n)
    const hex = createHash('sha256').update(texts[2], 'utf8').digest('hex')
    expect(hashes[2].toString(16).padStart(16, '0')).toBe(hex.slice(0, 16))
  })

  it('holds U+FFFD where UTF-16 has a lone surrogate', () => {
    const { texts } = documentColumns(documentsBatch({ ...rows, texts: ['a\ud800b', '\udc00', 'c', 'd'] }))
    expect(texts.text(0)).toBe('a\ufffdb')
    expect(texts.text(1)).toBe('\ufffd')
  })
})

describe('column views', () => {
  it('give the bytes of a text without copying them', () => {
    const batch = documentsBatch(rows)
    const column = utf8Column(batch, 'text')
    expect(Buffer.from(column.bytes(2)).toString()).toBe(texts[2])
    expect(column.byteLength(2)).toBe(Buffer.byteLength(texts[2]))
    expect(column.bytes(2).buffer).toBe(column.bytes(1).buffer)
  })

  it('follow a slice of a batch', () => {
    const columns = documentColumns(documentsBatch(rows).slice(1, 3))
    expect(columns.rows).toBe(2)
    expect([columns.texts.text(0), columns.texts.text(1)]).toEqual(texts.slice(1, 3))
    expect([...columns.positions]).toEqual(rows.positions.slice(1, 3))
    expect([...columns.hashes]).toEqual([...documentColumns(documentsBatch(rows)).hashes.slice(1, 3)])
  })

  it('have as many values as the batch has rows after a file has padded its buffers', async () => {
    const three = documentsBatch(rows).slice(0, 3)
    const file = await RecordBatchFileWriter.writeAll([three]).toUint8Array()
    const [batch] = tableFromIPC(RecordBatchFileReader.from(file)).batches
    const columns = documentColumns(batch)
    expect([...columns.positions]).toEqual(rows.positions.slice(0, 3))
    expect(columns.hashes).toHaveLength(3)
    expect([0, 1, 2].map((row) => columns.texts.text(row))).toEqual(texts.slice(0, 3))
  })

  it('say which column is missing', () => {
    expect(() => utf8Column(documentsBatch(rows), 'title')).toThrow('no column `title`')
  })
})
