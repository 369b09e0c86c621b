import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import { readArrowFile } from '../../../stages/shards/arrow-file-reader.ts'
import { ArrowFileWriter } from '../../../stages/shards/arrow-file-writer.ts'
import { batchesOf, collect } from './corpus.ts'

let folder: string
let path: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'gradus-checksum-'))
  path = join(folder, 'a.arrow')
  const [batch] = batchesOf(['one', 'two'])
  const writer = await ArrowFileWriter.create(path, batch.schema)
  await writer.write(batch)
  await writer.finish()
})
afterAll(() => rm(folder, { recursive: true }))

test('every single bit of a file is guarded, those of headers and of padding too', async () => {
  const bytes = await readFile(path)
  expect(await collect(readArrowFile(path))).toHaveLength(1)
  const spoilt = join(folder, 'spoilt.arrow')
  for (let at = 0; at < bytes.length; at += 3) {
    const changed = Buffer.from(bytes)
    changed[at] ^= 1 << (at % 8)
    await writeFile(spoilt, changed)
    await expect(collect(readArrowFile(spoilt))).rejects.toMatchObject({
      name: 'UserError',
      message: expect.stringMatching(/spoilt\.arrow` is damaged \(/) as string,
    })
  }
})

test('a batch that claims to lie beyond the file is refused, though the checksum is right', async () => {
  const bytes = await readFile(path)
  const footer = bytes.length - 10 - bytes.readInt32LE(bytes.length - 10)
  const seal = footer - 16
  let refused = 0
  // Whatever number of the footer is made huge: what is read is the same, or refused.
  for (let at = footer; at + 4 <= bytes.length - 10; at += 4) {
    const changed = Buffer.from(bytes)
    changed.writeInt32LE(0x7fffff00, at)
    const crc = crc32(changed.subarray(footer), crc32(changed.subarray(0, seal)))
    changed.writeUInt32LE(crc, seal + 8)
    const forged = join(folder, 'forged.arrow')
    await writeFile(forged, changed)
    const before = process.memoryUsage().arrayBuffers
    await collect(readArrowFile(forged)).catch((error: Error) => {
      refused++
      expect(error.name).toBe('UserError')
    })
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(64 << 20)
  }
  expect(refused).toBeGreaterThan(5)
})
