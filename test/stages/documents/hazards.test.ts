import { readdir, readlink } from 'node:fs/promises'
import { setTimeout as wait } from 'node:timers/promises'
import { gzipSync } from 'node:zlib'
import { compress } from 'zstd-napi'
import { readBytes } from '../../../stages/documents/read-bytes.ts'
import { readJsonl } from '../../../stages/documents/read-jsonl.ts'
import { batchesOf, Recorder, temporaryFolder, unitsOf } from './reading.ts'

const line = `${JSON.stringify({ text: 'The same sentence again. '.repeat(40) })}\n`
const content = Buffer.from(line.repeat(20_000))
const kinds: [string, string, () => Uint8Array][] = [
  ['plain', 'a.jsonl', () => content],
  ['.gz', 'a.jsonl.gz', () => gzipSync(content, { level: 1 })],
  ['.zst', 'a.jsonl.zst', () => compress(content)],
]

describe.each(kinds)('reading a %s file', (_kind, name, bytes) => {
  const folder = temporaryFolder()

  /** Files below the test's folder that this process holds open; told by /proc, so by Linux alone. */
  const openFiles = async () => {
    if (process.platform !== 'linux') return []
    const descriptors = await readdir('/proc/self/fd')
    const targets = await Promise.all(
      descriptors.map((fd) => readlink(`/proc/self/fd/${fd}`).catch(() => '')),
    )
    return targets.filter((target) => target.startsWith(folder.path()))
  }

  const start = async (signal?: AbortSignal) => {
    const paths = [await folder.write(name, bytes())]
    const [unit] = await unitsOf(readJsonl, { paths })
    const recorder = new Recorder()
    const batches = batchesOf(readJsonl, { paths, batch: 10 }, { unit, recorder, ...(signal && { signal }) })
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
      if (process.platform === 'linux') expect(await openFiles()).toHaveLength(1)
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
    const paths = [await folder.write(name, bytes())]
    const recorder = new Recorder()
    const planning = unitsOf(readJsonl, { paths }, { signal: abort.signal, recorder })
    await wait(5)
    const reason = new Error('interrupted')
    abort.abort(reason)
    await expect(planning).rejects.toBe(reason)
    expect(await openFiles()).toEqual([])
  })

  it('heeds an abort on the way to where a unit starts', async () => {
    const path = await folder.write(name, bytes())
    const abort = new AbortController()
    const chunks = readBytes(path, { start: content.length - 1, end: Infinity }, { signal: abort.signal })
    const first = chunks.next()
    const reason = new Error('interrupted')
    abort.abort(reason)
    await expect(first).rejects.toBe(reason)
    expect(await openFiles()).toEqual([])
  })

  it('closes the file when it has been read', async () => {
    const { batches } = await start()
    for await (const _batch of batches);
    expect(await openFiles()).toEqual([])
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
