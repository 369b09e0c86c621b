import { truncate, writeFile } from 'node:fs/promises'
import { gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { compress, Compressor } from 'zstd-napi'
import { readBytes, type ByteRange } from '../../../stages/documents/read-bytes.ts'
import { temporaryFolder } from './reading.ts'

const reading = { signal: new AbortController().signal }

async function read(path: string, range: ByteRange = { start: 0, end: Infinity }): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of readBytes({ path, source: path }, range, reading)) chunks.push(chunk)
  return Buffer.concat(chunks)
}

/** Text that hardly compresses, so that files span many reads. */
function noise(bytes: number): Buffer {
  const text = Buffer.allocUnsafe(bytes)
  let state = 1
  for (let n = 0; n < bytes; n++) {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0
    text[n] = 32 + ((state >>> 16) % 95)
  }
  return text
}

const text = noise(3_000_000)
const half = text.length / 2
const halves = [text.subarray(0, half), text.subarray(half)]

describe('reading bytes', () => {
  const folder = temporaryFolder()

  it.each<[string, string, () => Uint8Array]>([
    ['a plain file', 'a.txt', () => text],
    ['a .gz file', 'a.gz', () => gzipSync(text)],
    ['a .gz file of several members', 'a.gz', () => Buffer.concat(halves.map((part) => gzipSync(part)))],
    ['a .gz file padded with zeros', 'a.gz', () => Buffer.concat([gzipSync(text), Buffer.alloc(512)])],
    ['a .zst file', 'a.zst', () => compress(text)],
    ['a .zst file of several frames', 'a.zst', () => Buffer.concat(halves.map((part) => compress(part)))],
    ['a .zst file with a skippable frame first', 'a.zst', () => Buffer.concat([skippable(), compress(text)])],
    [
      'a .zst file with a window of 256 MiB',
      'a.zst',
      () => compressed({ windowLog: 28, contentSizeFlag: false }),
    ],
    ['a .gz file whose name does not say so', 'a.jsonl', () => gzipSync(text)],
  ])('gives the text of %s, any part of it', async (_case, name, content) => {
    const path = await folder.write(name, content())
    expect((await read(path)).equals(text)).toBe(true)
    const cuts = fc.tuple(fc.nat(text.length), fc.nat(text.length))
    await fc.assert(
      fc.asyncProperty(cuts, async (cut) => {
        const [start, end] = cut.sort((one, other) => one - other)
        expect((await read(path, { start, end })).equals(text.subarray(start, end))).toBe(true)
      }),
      { numRuns: 8 },
    )
  })

  it('reads on where a .gz member ends exactly where a read of the file does', async () => {
    const read128KiB = 128 << 10
    const stored = (length: number) => gzipSync(noise(length), { level: 0 })
    let length = read128KiB - 64
    while (stored(length).length < read128KiB) length++
    const member = stored(length)
    expect(member).toHaveLength(read128KiB)
    const path = await folder.write('a.gz', Buffer.concat([member, gzipSync('second'), gzipSync('third')]))
    expect((await read(path)).subarray(length).toString()).toBe('secondthird')
  })

  it.each<[string, string, Buffer, number]>([
    ['.gz', 'a.gz', gzipSync(text), 1_000_000],
    ['.gz without its checksum', 'a.gz', gzipSync(text), 4],
    ['.gz cut in its header', 'a.gz', gzipSync('text'), 20],
    ['.gz cut in its second member', 'a.gz', Buffer.concat([gzipSync(text), gzipSync(text)]), 1000],
    ['.zst', 'a.zst', compress(text), 1_000_000],
    ['.zst without its last byte', 'a.zst', compress(text), 1],
    ['.zst cut in its second frame', 'a.zst', Buffer.concat([compress(text), compress(text)]), 1000],
  ])('says that a truncated %s is truncated', async (_case, name, content, missing) => {
    const path = await folder.write(name, content)
    await truncate(path, content.length - missing)
    await expect(read(path)).rejects.toMatchObject({
      name: 'UserError',
      message: `\`${path}\` is truncated, its compressed data ends too early: fetch it again.`,
    })
  })

  it.each([
    ['a.gz', gzipSync(text)],
    ['a.zst', compressed({ checksumFlag: true })],
  ])('says that a damaged %s cannot be decompressed', async (name, content) => {
    const damaged = Buffer.from(content)
    damaged.fill(0, damaged.length - 100_000, damaged.length - 99_000)
    const path = await folder.write(name, damaged)
    const attempt = read(path)
    await expect(attempt).rejects.toMatchObject({ name: 'UserError' })
    await expect(attempt).rejects.toThrow(`\`${path}\` cannot be decompressed`)
  })

  it('says that a file is not what its name says', async () => {
    const path = await folder.write('a.jsonl.gz', '{"text":"plain"}\n')
    await expect(read(path)).rejects.toThrow(`\`${path}\` is not a .gz file`)
  })

  it('gives nothing for a file of no bytes, whatever its name', async () => {
    for (const name of ['a', 'a.gz', 'a.zst']) {
      await writeFile(folder.path(name), '')
      expect(await read(folder.path(name))).toHaveLength(0)
    }
  })
})

function compressed(parameters: Parameters<Compressor['setParameters']>[0]): Buffer {
  const compressor = new Compressor()
  compressor.setParameters(parameters)
  return compressor.compress(text)
}

/** A frame that decoders pass over: magic number, length, content. */
function skippable(): Buffer {
  return Buffer.from([0x50, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3])
}
