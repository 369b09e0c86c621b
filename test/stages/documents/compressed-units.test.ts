import { createHash } from 'node:crypto'
import { readFile, writeFile } from 'node:fs/promises'
import { setTimeout as wait } from 'node:timers/promises'
import { gzipSync } from 'node:zlib'
import { compress } from 'zstd-napi'
import type { Unit } from '../../../stages/documents/unit.ts'
import { readJsonl } from '../../../stages/documents/read-jsonl.ts'
import { openFilesBelow, Recorder, rowsOf, temporaryFolder } from './reading.ts'

/** Text that hardly compresses, so that what comes from the disk is nearly what comes out. */
const lines = Array.from({ length: 12_000 }, (_, n) => {
  const noise = createHash('shake256', { outputLength: 500 }).update(`${n}`).digest('base64')
  return `${JSON.stringify({ id: n, text: noise })}\n`
})
const content = Buffer.from(lines.join(''))
const kinds: [string, (bytes: Uint8Array) => Uint8Array][] = [
  ['a.jsonl.gz', (bytes) => gzipSync(bytes, { level: 1 })],
  ['a.jsonl.zst', (bytes) => compress(Buffer.from(bytes))],
]

/** One run: the same options for planning and for every unit, and for each unit a signal that ends with it. */
function runOf(paths: string[], options: object = {}) {
  const context = {
    options: readJsonl.options.parse({ paths, 'unit-bytes': 500_000, batch: 100, ...options }),
    stats: new Recorder(),
    log: () => {},
  }
  return {
    units: () => readJsonl.units!({ ...context, signal: new AbortController().signal }),
    batches(unit: Unit) {
      const unitEnds = new AbortController()
      const batches = readJsonl.run(nothing(), { ...context, signal: unitEnds.signal, unit })
      return { batches, stop: (reason: Error) => unitEnds.abort(reason) }
    },
    async ids(unit: Unit) {
      const { batches, stop } = this.batches(unit)
      const ids = (await rowsOf(batches)).map(({ id }) => Number(id))
      stop(new Error('The run has ended.'))
      return ids
    },
  }
}

/** Bytes that this process has read so far; told by /proc, so by Linux alone. */
const bytesRead = async () => Number(/^rchar: (\d+)/.exec(await readFile('/proc/self/io', 'utf8'))![1])
const onLinux = process.platform === 'linux' ? it : it.skip

describe.each(kinds)('units of one large %s', (name, pack) => {
  const folder = temporaryFolder()
  const packed = pack(content)
  const everything = lines.map((_, n) => n)

  onLinux('are read one after the other in a single pass over the file', async () => {
    const run = runOf([await folder.write(name, packed)])
    const units = await run.units()
    expect(units.length).toBeGreaterThan(14)
    const before = await bytesRead()
    const ids: number[] = []
    for (const unit of units) ids.push(...(await run.ids(unit)))
    expect(ids).toEqual(everything)
    expect((await bytesRead()) - before).toBeLessThan(1.5 * packed.length)
  })

  onLinux('leave no file open in between', async () => {
    const run = runOf([await folder.write(name, packed)])
    for (const unit of (await run.units()).slice(0, 3)) {
      await run.ids(unit)
      // Reading ahead opens the file again for a moment, a longer one on a busy machine.
      for (let tries = 0, closed = 0; tries < 100 && closed < 5; tries++) {
        await wait(50)
        closed = (await openFilesBelow(folder.path())).length === 0 ? closed + 1 : 0
      }
      expect(await openFilesBelow(folder.path())).toEqual([])
    }
  })

  it('give the same in any order, with gaps, twice, or stopped half-way', async () => {
    const run = runOf([
      await folder.write(name, packed),
      await folder.write(`b.${name}`, pack(content.subarray(0, 2e6))),
    ])
    const units = await run.units()
    const expected = new Map<Unit, number[]>()
    for (const unit of units) expected.set(unit, await run.ids(unit))
    expect([...expected.values()].flat().slice(0, lines.length)).toEqual(everything)
    const [first, second, third] = units
    for (const unit of [third, first, second, second, units.at(-1)!, first, units[5], units.at(-2)!])
      expect(await run.ids(unit)).toEqual(expected.get(unit))

    await run.ids(first)
    const { batches, stop } = run.batches(second)
    await batches.next()
    const reason = new Error('interrupted')
    stop(reason)
    await expect(rowsOf(batches)).rejects.toBe(reason)
    expect(await run.ids(second)).toEqual(expected.get(second))
  })

  it('notice that the file was replaced while the run was between two of them', async () => {
    const path = await folder.write(name, packed)
    const run = runOf([path])
    const [first, second] = await run.units()
    await run.ids(first)
    await writeFile(path, pack(Buffer.from(lines.toReversed().join(''))))
    await expect(run.ids(second)).rejects.toThrow(`\`${path}\` changed while it was being read`)
  })

  it('pass over what is rejected between them', async () => {
    const untidy = lines
      .map((line, n) => (n % 700 === 699 ? `${line}${'oops\n'.repeat(20)}\n` : line))
      .join('')
    const run = runOf([await folder.write(name, pack(Buffer.from(untidy)))], { 'max-rejected': 0.5 })
    const ids: number[] = []
    for (const unit of await run.units()) ids.push(...(await run.ids(unit)))
    expect(ids).toEqual(everything)
  })
})

async function* nothing(): AsyncGenerator<never, void, undefined> {}
