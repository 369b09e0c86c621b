import { mkdtemp, open, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import {
  openSafetensors,
  readSafetensors,
  type StoredTensor,
  writeSafetensors,
} from '../../schemas/safetensors.ts'
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

/** A file of a header, which may lie about its length, and of data. */
async function forge(header: string, data: Uint8Array, headerBytes = BigInt(Buffer.byteLength(header))) {
  const prefix = Buffer.alloc(8)
  prefix.writeBigUInt64LE(headerBytes)
  await writeFile(path, Buffer.concat([prefix, Buffer.from(header), data]))
}

const entry = (dtype: string, shape: number[], data_offsets: number[]) =>
  JSON.stringify({ dtype, shape, data_offsets })

test('numbers of 16 bits are read as the same numbers, beside those of 32', async () => {
  // 1, −2 and the smallest subnormal of binary16; 1 and −2 of bfloat16; π of binary32.
  const data = Buffer.concat([
    Buffer.from(Uint16Array.of(0x3c00, 0xc000, 1).buffer),
    Buffer.from(Uint16Array.of(0x3f80, 0xc000).buffer),
    Buffer.from(Float32Array.of(Math.PI).buffer),
  ])
  await forge(
    `{"b":${entry('BF16', [2], [6, 10])},"c":${entry('F32', [], [10, 14])},"a":${entry('F16', [3, 1], [0, 6])}}`,
    data,
  )
  const read = await readSafetensors(path)
  expect(Object.fromEntries(read)).toEqual({
    a: { shape: [3, 1], values: Float32Array.of(1, -2, 2 ** -24) },
    b: { shape: [2], values: Float32Array.of(1, -2) },
    c: { shape: [], values: Float32Array.of(Math.PI) },
  })
})

test.each<[string, string, RegExp]>([
  [
    'overlap',
    `{"a":${entry('F32', [2], [0, 8])},"b":${entry('F32', [1], [4, 8])}}`,
    /`b` begins within another/,
  ],
  [
    'leave a gap',
    `{"a":${entry('F32', [1], [0, 4])},"b":${entry('F32', [0], [8, 8])}}`,
    /nothing fills the 4 bytes/,
  ],
  ['reach past the end', `{"a":${entry('F32', [3], [0, 12])}}`, /`a` ends at byte 12 of 8/],
  ['stop before the end', `{"a":${entry('F32', [1], [0, 4])}}`, /end at byte 4 of 8/],
  ['run backwards', `{"a":${entry('F32', [2], [8, 0])}}`, /before `a`|`a` has -8 bytes/],
  [
    'are of another shape',
    `{"a":${entry('F32', [3], [0, 8])}}`,
    /`a` has 8 bytes, and \[3\] of F32 takes 12/,
  ],
  ['claim more than there is', `{"a":${entry('F32', [2 ** 50, 2 ** 50], [0, 8])}}`, /`a` has 8 bytes/],
  ['hold other numbers', `{"a":${entry('F64', [1], [0, 8])}}`, /`a` holds F64/],
  [
    'hold numbers of a name that objects have',
    `{"a":${entry('toString', [1], [0, 8])}}`,
    /`a` holds toString/,
  ],
  [
    'have one name',
    `{"a":${entry('F32', [2], [0, 8])},"\\u0061":${entry('F32', [2], [0, 8])}}`,
    /a name twice/,
  ],
  ['have a negative place', `{"a":${entry('F32', [2], [-8, 0])}}`, /does not describe `a`/],
  ['have no place', '{"a":{"dtype":"F32","shape":[2]}}', /does not describe `a`/],
  ['are a list', '[]', /not a map/],
  ['come with a note that is no map', `{"__metadata__":"x","a":${entry('F32', [2], [0, 8])}}`, /not a map/],
])('tensors that %s are refused in one sentence', async (_, header, sentence) => {
  await forge(header, new Uint8Array(8))
  await expect(readSafetensors(path)).rejects.toMatchObject({
    name: 'UserError',
    message: expect.stringMatching(sentence) as string,
  })
})

test.each([2n ** 63n, 2n ** 40n, 25n])(
  'a header of %d bytes in a shorter file is refused unread',
  async (claim) => {
    await forge('{"a":1}', new Uint8Array(8), claim)
    await expect(readSafetensors(path)).rejects.toThrow('its header is longer than the file')
  },
)

test('a file that is missing or altered anywhere gives tensors of the same shapes or a sentence', async () => {
  await expect(readSafetensors(join(folder, 'none'))).rejects.toThrow('it is missing')
  await write()
  const whole = await readFile(path)
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(fc.nat(whole.length - 1), fc.nat(255)), { minLength: 1, maxLength: 4 }),
      async (changes) => {
        const altered = Buffer.from(whole)
        for (const [place, byte] of changes) altered[place] = byte
        await writeFile(path, altered)
        try {
          for (const { shape, values } of (await readSafetensors(path)).values()) {
            expect(values).toHaveLength(shape.reduce((a, b) => a * b, 1))
          }
        } catch (error) {
          expect(error).toBeInstanceOf(UserError)
        }
      },
    ),
    { numRuns: 200 },
  )
})

test('a tensor is read alone, in any order', async () => {
  await write()
  await using file = await openSafetensors(path)
  expect([...file.shapes.keys()]).toEqual([...tensors.keys()])
  expect(await file.read('lm_head.weight')).toEqual(tensors.get('lm_head.weight')?.values)
  expect(await file.read('empty')).toEqual(new Float32Array(0))
})
