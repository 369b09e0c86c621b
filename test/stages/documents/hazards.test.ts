import { setTimeout as wait } from 'node:timers/promises'
import { gzipSync } from 'node:zlib'
import { compress } from 'zstd-napi'
import { readBytes } from '../../../stages/documents/read-bytes.ts'
import { readArrow } from '../../../stages/documents/read-arrow.ts'
import { readJsonl } from '../../../stages/documents/read-jsonl.ts'
import { readParquet } from '../../../stages/documents/read-parquet.ts'
import { readText } from '../../../stages/documents/read-text.ts'
import { arrow, parquet, text } from './columns/columns.ts'
import { batchesOf, openFilesBelow, Recorder, temporaryFolder, unitsOf, type Reading } from './reading.ts'
import type { z } from 'zod'
import type { Unit } from '../../../stages/documents/unit.ts'
import type { StageDefinition } from '../../../stages/stage.ts'

const texts = Array.from({ length: 20_000 }, (_, n) => `${n}. ${'The same sentence again. '.repeat(40)}`)
const content = Buffer.from(texts.map((text) => `${JSON.stringify({ text })}\n`).join(''))
const separated = Buffer.from(texts.join('<|endoftext|>'))
const columns = { text: text(texts), id: text(texts.map((_, n) => `${n}`)) }
type Reader<Options extends z.ZodObject> = StageDefinition<Options, readonly [], 'documents'>

const kind = <Options extends z.ZodObject>(
  called: string,
  name: string,
  bytes: Uint8Array,
  reader: Reader<Options>,
  own: object = {},
) => ({
  called,
  name,
  bytes,
  units: (paths: string[], reading?: Reading) => unitsOf(reader, { paths, ...own }, reading),
  batches: (paths: string[], reading: Reading & { unit: Unit }) =>
    batchesOf(reader, { paths, batch: 10, ...own }, reading),
})

const compressible = [
  kind('plain file of JSON Lines', 'a.jsonl', content, readJsonl),
  kind('.gz', 'a.jsonl.gz', gzipSync(content, { level: 1 }), readJsonl),
  kind('.zst', 'a.jsonl.zst', compress(content), readJsonl),
]
const kinds = [
  ...compressible,
  kind('text file with separators', 'a.txt', separated, readText, { separator: '<|endoftext|>' }),
  kind('Parquet file', 'a.parquet', parquet(columns), readParquet),
  kind('file of Arrow batches', 'a.arrow', arrow(columns, 'file', 1000), readArrow),
  kind('stream of Arrow batches', 'a.arrow', arrow(columns, 'stream', 1000), readArrow),
]

describe.each(kinds)('reading a $called', ({ name, bytes, units, batches: read }) => {
  const folder = temporaryFolder()

  const openFiles = () => openFilesBelow(folder.path())

  const start = async (signal?: AbortSignal) => {
    const paths = [await folder.write(name, bytes)]
    const [unit] = await units(paths)
    const recorder = new Recorder()
    const batches = read(paths, { unit, recorder, ...(signal && { signal }) })
    return { paths, recorder, batches }
  }

  it('goes no further than its consumer', async () => {
    const { batches, recorder } = await start()
    await batches.next()
    await wait(30)
    expect(recorder.counters.documents).toBeLessThan(2000)
    await batches.return()
  })

  it('closes the file when the consumer leaves early', async () => {
    const { batches } = await start()
    for await (const _batch of batches) {
      if (process.platform === 'linux') expect(await openFiles()).not.toEqual([])
      break
    }
    expect(await openFiles()).toEqual([])
  })

  it('closes the file when aborted, and fails with the reason', async () => {
    const abort = new AbortController()
    const { batches } = await start(abort.signal)
    await batches.next()
    const reason = new Error('interrupted')
    abort.abort(reason)
    const rest = async () => {
      for await (const _batch of batches);
    }
    await expect(rest()).rejects.toBe(reason)
    expect(await openFiles()).toEqual([])
  })

  it('closes the file when planning is aborted, and fails with the reason', async () => {
    const abort = new AbortController()
    const paths = [await folder.write(name, bytes)]
    const planning = units(paths, { signal: abort.signal })
    await wait(5)
    const reason = new Error('interrupted')
    abort.abort(reason)
    await expect(planning).rejects.toBe(reason)
    expect(await openFiles()).toEqual([])
  })

  it('closes the file when it has been read', async () => {
    const { batches } = await start()
    for await (const _batch of batches);
    expect(await openFiles()).toEqual([])
  })
})

describe('on the way to where a unit starts', () => {
  const folder = temporaryFolder()

  it.each(compressible)('a $called heeds an abort', async ({ name, bytes }) => {
    const path = await folder.write(name, bytes)
    const abort = new AbortController()
    const chunks = readBytes(
      { path, source: path },
      { start: content.length - 1, end: Infinity },
      { signal: abort.signal },
    )
    const first = chunks.next()
    const reason = new Error('interrupted')
    abort.abort(reason)
    await expect(first).rejects.toBe(reason)
    expect(await openFilesBelow(folder.path())).toEqual([])
  })
})

describe('memory', () => {
  const folder = temporaryFolder()

  it.each([
    ['.gz', (bytes: Buffer) => gzipSync(bytes, { level: 1 })],
    ['.zst', (bytes: Buffer) => compress(bytes)],
  ])('does not grow with the text that a small %s file expands to', async (_kind, pack) => {
    const part = pack(content)
    const parts = 10
    const path = await folder.write('bomb', Buffer.concat(Array.from({ length: parts }, () => part)))
    const before = process.memoryUsage().arrayBuffers
    let peak = 0
    let rows = 0
    const [unit] = await unitsOf(readJsonl, { paths: [path], 'unit-bytes': 1 << 30 })
    for await (const batch of batchesOf(readJsonl, { paths: [path] }, { unit })) {
      rows += batch.numRows
      peak = Math.max(peak, process.memoryUsage().arrayBuffers - before)
    }
    expect(rows).toBe(20_000 * parts)
    expect(content.length * parts).toBeGreaterThan(200e6)
    expect(peak).toBeLessThan(100e6)
  })
})
