import { readFile } from 'node:fs/promises'
import { decompressLz4Block, decompressLz4Frame } from '../../../../stages/documents/columns/lz4.ts'

const fixtures = new URL('./fixtures/', import.meta.url)
const text = Array.from(
  { length: 6000 },
  (_, n) => `${n % 50} little pigs went to market, and one stayed at home.\n`,
).join('')

async function frame(content: Buffer): Promise<string> {
  const chunks: Buffer[] = []
  const read = (start: number, end: number) => Promise.resolve(content.subarray(start, end))
  for await (const chunk of decompressLz4Frame(read)) chunks.push(chunk)
  return Buffer.concat(chunks).toString()
}

describe('LZ4', () => {
  it.each([
    ['of blocks that refer to those before them', 'linked-blocks.lz4'],
    ['with its size and a checksum a block', 'checked-blocks.lz4'],
  ])('reads a frame %s, as the lz4 command writes it', async (_kind, name) => {
    expect(await frame(await readFile(new URL(name, fixtures)))).toBe(text)
  })

  it('reads a frame of a stored block', async () => {
    // Magic number, version 1 with independent blocks, blocks of at most 64 KiB, checksum; 5 bytes, as they are.
    const head = [0x04, 0x22, 0x4d, 0x18, 0x60, 0x40, 0x82]
    const block = [5, 0, 0, 0x80, ...Buffer.from('tiny!')]
    expect(await frame(Buffer.from([...head, ...block, 0, 0, 0, 0]))).toBe('tiny!')
  })

  it('repeats what a match overlaps', () => {
    // One literal `a`, then a match of 4 + 15 + 20 bytes at a distance of 1; three literals.
    const block = Uint8Array.from([0x1f, 0x61, 1, 0, 20, 0x30, ...Buffer.from('end')])
    const output = new Uint8Array(100)
    const length = decompressLz4Block(block, output)
    expect(Buffer.from(output.subarray(0, length)).toString()).toBe(`${'a'.repeat(40)}end`)
  })

  it.each([
    ['reaches back before the beginning', [0x10, 0x61, 2, 0, 0x10, 0x62]],
    ['has a distance of nothing', [0x10, 0x61, 0, 0, 0x10, 0x62]],
    ['ends in the middle of a literal', [0x50, 0x61]],
    ['ends in the middle of a match', [0x10, 0x61, 1]],
    ['ends in the middle of a length', [0xf0, 255]],
    ['is longer than what it should fill', [0xb0, ...Buffer.from('hello world')]],
    ['is of no bytes', []],
  ])('refuses a block that %s', (_fault, bytes) => {
    expect(() => decompressLz4Block(Uint8Array.from(bytes), new Uint8Array(10))).toThrow('damaged LZ4 data')
  })
})
