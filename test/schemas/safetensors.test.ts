import { mkdtemp, open, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { readSafetensors, type StoredTensor, writeSafetensors } from '../../schemas/safetensors.ts'
import { UserError } from '../../schemas/user-error.ts'

let folder: string
let path: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'gradus-safetensors-'))
  path = join(folder, 'model.safetensors')
})
afterAll(() => rm(folder, { recursive: true }))

const tensors = new Map<string, StoredTensor>([
  ['model.norm.weight', { shape: [3], values: Float32Array.of(1, -0, Math.fround(1e-40)) }],
  ['lm_head.weight', { shape: [2, 2], values: Float32Array.of(1.5, NaN, -Infinity, 4) }],
  ['empty', { shape: [0, 7], values: new Float32Array(0) }],
])

async function write() {
  const file = await open(path, 'w')
  await writeSafetensors(file, tensors, { step: '3' })
  await file.close()
}

test('what is written is read back bit for bit', async () => {
  await write()
  const read = await readSafetensors(path)
  expect([...read.keys()].sort()).toEqual([...tensors.keys()].sort())
  for (const [name, { shape, values }] of tensors) {
    expect(read.get(name)?.shape).toEqual(shape)
    expect(new Uint32Array(read.get(name)!.values.buffer, 0, values.length)).toEqual(
      new Uint32Array(values.buffer),
    )
  }
})

test('the layout is that of the format: a length, a JSON header padded to eight bytes, the data', async () => {
  await write()
  const bytes = await readFile(path)
  const headerBytes = Number(bytes.readBigUInt64LE(0))
  expect(headerBytes % 8).toBe(0)
  const header = JSON.parse(bytes.subarray(8, 8 + headerBytes).toString()) as Record<string, unknown>
  expect(header).toEqual({
    __metadata__: { format: 'pt', step: '3' },
    'model.norm.weight': { dtype: 'F32', shape: [3], data_offsets: [0, 12] },
    'lm_head.weight': { dtype: 'F32', shape: [2, 2], data_offsets: [12, 28] },
    empty: { dtype: 'F32', shape: [0, 7], data_offsets: [28, 28] },
  })
  expect(bytes.readFloatLE(8 + headerBytes + 12)).toBe(1.5)
})

test('a file cut anywhere is refused with one sentence that names it', async () => {
  await write()
  const whole = await readFile(path)
  for (let length = 0; length < whole.length; length += 5) {
    await writeFile(path, whole.subarray(0, length))
    await expect(readSafetensors(path)).rejects.toThrow(UserError)
    await expect(readSafetensors(path)).rejects.toThrow('is not a whole safetensors file')
  }
})

test('whatever a header claims, nothing but a UserError comes of it', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.json(),
      fc.uint8Array({ maxLength: 40 }),
      fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
      async (json, data, lie) => {
        const prefix = Buffer.alloc(8)
        const header = Buffer.from(json)
        for (const claimed of [BigInt(header.length), lie]) {
          prefix.writeBigUInt64LE(claimed)
          await writeFile(path, Buffer.concat([prefix, header, data]))
          await readSafetensors(path).catch((error: unknown) => expect(error).toBeInstanceOf(UserError))
        }
      },
    ),
    { numRuns: 100 },
  )
})
