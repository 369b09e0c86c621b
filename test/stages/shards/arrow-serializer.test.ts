import { decompress } from 'zstd-napi'
import {
  Field,
  Float64,
  makeData,
  Message,
  RecordBatch,
  RecordBatchReader,
  Schema,
  Struct,
  Utf8,
  type Data,
} from 'apache-arrow'
import { ArrowSerializer } from '../../../stages/shards/arrow-serializer.ts'

const schema = new Schema([new Field('text', new Utf8(), false), new Field('value', new Float64(), false)])

function batchOf(texts: readonly string[], fields = schema): RecordBatch {
  const valueOffsets = Int32Array.from({ length: texts.length + 1 }, (_, row) => {
    return Buffer.byteLength(texts.slice(0, row).join(''))
  })
  const length = texts.length
  const children: Data[] = [
    makeData({ type: new Utf8(), length, nullCount: 0, valueOffsets, data: Buffer.from(texts.join('')) }),
    makeData({
      type: new Float64(),
      length,
      nullCount: 0,
      data: Float64Array.from(texts, (text) => text.length),
    }),
  ]
  return new RecordBatch(
    fields,
    makeData({ type: new Struct(fields.fields), length, nullCount: 0, children }),
  )
}

const batches = [batchOf(Array<string>(300).fill('again and ')), batchOf(['x', '', 'é'])]

function fileOf(batches: readonly RecordBatch[]): Buffer {
  const serializer = new ArrowSerializer(schema)
  return Buffer.concat([...batches.map((batch) => serializer.serialize(batch)), serializer.end()])
}

const rowsIn = (bytes: Uint8Array) =>
  [...RecordBatchReader.from(bytes)].flatMap((batch) => batch.toArray().map(String))

test('the file holds the batches, and so does the stream inside it, past the first eight bytes', () => {
  const file = fileOf(batches)
  const rows = batches.flatMap((batch) => batch.toArray().map(String))
  expect(rowsIn(file)).toEqual(rows)
  // A file that lacks the stream's schema message has no stream to read (apache/arrow-js issue 51).
  expect(rowsIn(file.subarray(8))).toEqual(rows)
})

test('every compressed buffer is preceded by its length before compression, as the format has it', () => {
  const file = fileOf(batches)
  const footer = RecordBatchReader.from(file).open().footer
  let compressed = 0
  for (const { offset, metaDataLength } of footer?.recordBatches() ?? []) {
    const message = Message.decode(file.subarray(offset + 8, offset + metaDataLength))
    if (!message.isRecordBatch()) throw new Error('The footer points to something else.')
    for (const { offset: start, length } of message.header().buffers) {
      if (length === 0) continue
      const buffer = file.subarray(offset + metaDataLength + start).subarray(0, length)
      const claimed = buffer.readBigInt64LE(0)
      if (claimed === -1n) continue
      compressed++
      expect(decompress(buffer.subarray(8)).length).toBe(Number(claimed))
    }
  }
  expect(compressed).toBeGreaterThan(2)
})

test('a batch of other columns is refused, not dropped', () => {
  const serializer = new ArrowSerializer(schema)
  serializer.serialize(batches[0])
  const other = new Schema([new Field('text', new Utf8(), false), new Field('other', new Float64(), false)])
  expect(() => serializer.serialize(batchOf(['x'], other))).toThrow(/columns/)
})

test('a file without batches is an Arrow file with a schema', () => {
  const reader = RecordBatchReader.from(fileOf([])).open()
  expect(reader.schema.fields.map(({ name }) => name)).toEqual(['text', 'value'])
  // The library gives a batch without rows in place of none.
  expect([...reader].map(({ numRows }) => numRows)).toEqual([0])
})
